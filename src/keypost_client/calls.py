"""Every endpoint that an agent needs, as a request and the way to read its reply."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from keypost_client.members import Members
from keypost_client.replies import (
    Access,
    Challenge,
    Mailbox,
    Message,
    parse_message,
    parse_messages,
)
from keypost_client.steps import Flow, Request, ask

T = TypeVar("T")
Proof = Mapping[str, str]


def challenge(public_key_line: str) -> Flow[Challenge]:
    """Ask for a text to sign."""
    return _post("/v1/auth/challenge", {"public_key": public_key_line}, Challenge.parse)


def claim(proof: Proof, *, billing_email: str, coupon_code: str | None) -> Flow[Mailbox]:
    """Find the key's mailbox or have one made."""
    body = {**proof, **_billing(billing_email, coupon_code)}
    return _post("/v1/mailboxes/claim", body, Mailbox.parse)


def renew(proof: Proof, *, billing_email: str, coupon_code: str | None) -> Flow[Mailbox]:
    """Ask for a payment link for more time."""
    body = {**proof, **_billing(billing_email, coupon_code)}
    return _post("/v1/mailboxes/renew", body, Mailbox.parse)


def access(proof: Proof) -> Flow[Access]:
    """Ask for the IMAP details."""
    return _post("/v1/access/resolve", {**proof, "protocol": "imap"}, Access.parse)


def messages(
    token: str, *, unread_only: bool, limit: int, include_body: bool
) -> Flow[list[Message]]:
    """List messages, newest first."""
    body = {
        "access_token": token,
        "unread_only": unread_only,
        "limit": limit,
        "include_body": include_body,
    }
    return _post("/v1/imap/messages", body, parse_messages)


def message(token: str, *, uid: int) -> Flow[Message]:
    """Read one message with its text."""
    return _post("/v1/imap/messages/get", {"access_token": token, "uid": uid}, parse_message)


def raw(token: str, *, uid: int) -> Flow[bytes]:
    """Read one message as it came in, byte for byte."""
    return ask(Request("GET", f"/v1/messages/{int(uid)}/raw", bearer=token), bytes)


def _billing(email: str, coupon: str | None) -> dict[str, str]:
    """Leave the coupon out where there is none: the server refuses what it cannot read."""
    return {"billing_email": email} | ({"coupon_code": coupon} if coupon else {})


def _post(path: str, body: Mapping[str, object], parse: Callable[[Members], T]) -> Flow[T]:
    return ask(Request("POST", path, body=body), lambda content: parse(Members.parse(content)))
