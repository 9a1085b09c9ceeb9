"""What the client does, step by step, without the network.

The order of things that every agent has to get right lives here once: ask for
a challenge, sign it, send the proof with the request; keep the access token
for reading and ask for a new one when it is refused; come back later when the
server says that it is busy.
"""

from collections.abc import Callable
from typing import TypeVar

from keypost_client import calls
from keypost_client.errors import Refused, Unavailable, WaitingForPayment
from keypost_client.keys.signing import SigningKey
from keypost_client.replies import Access, Challenge, Mailbox, Message
from keypost_client.steps import Flow, Pause

T = TypeVar("T")

_ATTEMPTS = 3


class Conversation:
    """One key's conversation with one server; ``patience`` is in seconds."""

    def __init__(self, key: SigningKey, *, patience: float) -> None:
        self._key = key
        self._patience = patience
        self._token: str | None = None

    def challenge(self) -> Flow[Challenge]:
        """Ask for a text to sign."""
        return self._patiently(lambda: calls.challenge(self._key.public_key_line))

    def claim(self, billing_email: str, coupon_code: str | None) -> Flow[Mailbox]:
        """Find the key's mailbox or have one made."""
        return self._proven(
            lambda proof: calls.claim(proof, billing_email=billing_email, coupon_code=coupon_code)
        )

    def renew(self, billing_email: str, coupon_code: str | None) -> Flow[Mailbox]:
        """Ask for a payment link for more time."""
        return self._proven(
            lambda proof: calls.renew(proof, billing_email=billing_email, coupon_code=coupon_code)
        )

    def access(self) -> Flow[Access]:
        """Ask for the IMAP details, and keep the access token among them."""
        access = yield from self._proven(calls.access)
        self._token = access.access_token
        return access

    def wait_until_paid(self, *, within: float, every: float) -> Flow[Access]:
        """Ask for access until it is there; raise WaitingForPayment when time is up."""
        waited = 0.0
        while True:
            try:
                return (yield from self.access())
            except WaitingForPayment:
                if waited + every > within:
                    raise
            yield Pause(every)
            waited += every

    def messages(self, *, unread_only: bool, limit: int, include_body: bool) -> Flow[list[Message]]:
        """List messages, newest first."""
        return self._reading(
            lambda token: calls.messages(
                token, unread_only=unread_only, limit=limit, include_body=include_body
            )
        )

    def read(self, uid: int) -> Flow[Message]:
        """Read one message with its text."""
        return self._reading(lambda token: calls.message(token, uid=uid))

    def raw(self, uid: int) -> Flow[bytes]:
        """Read one message as it came in."""
        return self._reading(lambda token: calls.raw(token, uid=uid))

    def _proven(self, call: Callable[[calls.Proof], Flow[T]]) -> Flow[T]:
        """Prove the key for this one call. A proof is good once, so a retry makes a new one."""

        def attempt() -> Flow[T]:
            proof = yield from self._proof()
            return (yield from call(proof))

        return self._patiently(attempt)

    def _proof(self) -> Flow[calls.Proof]:
        line = self._key.public_key_line
        issued = yield from calls.challenge(line)
        signature = self._key.sign(issued.challenge.encode())
        return {"edproof": line, "challenge": issued.challenge, "signature": signature}

    def _reading(self, call: Callable[[str], Flow[T]]) -> Flow[T]:
        """Read with the token at hand; when it is refused, with one new one."""
        if self._token is not None:
            try:
                return (yield from self._with_token(self._token, call))
            except Refused:
                self._token = None
        access = yield from self.access()
        return (yield from self._with_token(access.access_token, call))

    def _with_token(self, token: str, call: Callable[[str], Flow[T]]) -> Flow[T]:
        return self._patiently(lambda: call(token))

    def _patiently(self, attempt: Callable[[], Flow[T]]) -> Flow[T]:
        """Try up to three times while the server names a time to come back.

        Waits exactly as long as it asked, and in all no longer than the
        patience; beyond that, and without a named time, Unavailable is raised.
        """
        left = self._patience
        for _ in range(_ATTEMPTS - 1):
            try:
                return (yield from attempt())
            except Unavailable as busy:
                if busy.retry_after is None or busy.retry_after > left:
                    raise
                pause = busy.retry_after
            yield Pause(pause)
            left -= pause
        return (yield from attempt())
