"""From a reply that is not 2xx to the error that says so."""

from collections.abc import Mapping
from http import HTTPStatus

from keypost_client.errors import (
    NotFound,
    NotUnderstood,
    Problem,
    Refused,
    Unavailable,
    WaitingForPayment,
)
from keypost_client.members import Members
from keypost_client.reply import Reply

_BY_STATUS: dict[int, type[Problem]] = {
    HTTPStatus.UNAUTHORIZED: Refused,
    HTTPStatus.FORBIDDEN: Refused,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
    HTTPStatus.BAD_GATEWAY: Unavailable,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
    HTTPStatus.GATEWAY_TIMEOUT: Unavailable,
}


def problem_of(reply: Reply) -> Problem:
    """Name what the server said no with; a body that is no problem object is fine too."""
    members = _members(reply)
    return _kind(reply.status, members)(
        status=reply.status, members=members, retry_after=_retry_after(reply, members)
    )


def _kind(status: int, members: Mapping[str, object]) -> type[Problem]:
    if members.get("status") == "waiting_payment":
        return WaitingForPayment
    return _BY_STATUS.get(status, Problem)


def _members(reply: Reply) -> Mapping[str, object]:
    """Read the problem object; a proxy's HTML page in its place is an empty one."""
    try:
        return Members.parse(reply.content).everything
    except NotUnderstood:
        return {}


def _retry_after(reply: Reply, members: Mapping[str, object]) -> float | None:
    """Read the seconds to wait. RFC 9110 section 10.2.3 also allows a date: not read here."""
    value = members.get("retry_after_seconds", reply.headers.get("retry-after", ""))
    text = str(value).strip()
    return float(text) if text.isascii() and text.isdigit() else None
