"""Facts as problem details (RFC 9457): which number, which headers, which members.

The numeric ``status`` member of RFC 9457 is left out, because
``"status": "waiting_payment"`` is in use.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from keypost.errors import (
    AccessTokenInvalid,
    Conflict,
    Fact,
    Malformed,
    Missing,
    PaymentDue,
    Throttled,
    Unavailable,
    Unpaid,
    Unproven,
)
from keypost_adapters.http.edge_facts import (
    AccessTokenMissing,
    BodyTooLarge,
    FieldInvalid,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotReady,
    Overloaded,
    RequestTooSlow,
)
from keypost_adapters.http.fixes import fix_for

MEDIA_TYPE: Final = "application/problem+json"

_NUMBERS: Final[Mapping[type[Fact], int]] = {
    Malformed: 400,
    Unproven: 401,
    Unpaid: 409,
    Missing: 404,
    Conflict: 409,
    Throttled: 429,
    Unavailable: 503,
    MethodNotAllowed: 405,
    RequestTooSlow: 408,
    BodyTooLarge: 413,
    MediaTypeUnsupported: 415,
    Fact: 500,
}

_PAUSES: Final[Mapping[type[Fact], int]] = {Throttled: 60, Unavailable: 5}


class Problem(Struct, omit_defaults=True):
    """Why a request was not answered as hoped, and what to do about it."""

    type: Annotated[str, Meta(description="A page that explains the code.")]
    title: Annotated[str, Meta(description="The same for every problem with this code.")]
    detail: Annotated[str, Meta(description="What happened this time, in one sentence.")]
    code: Annotated[str, Meta(description="Stable, for programs.")]
    error: Annotated[str, Meta(description="Repeats detail.")]
    fix: Annotated[str, Meta(description="The next step, in one sentence.")]
    field: Annotated[str, Meta(description="Which field is wrong.")] | UnsetType = UNSET
    status: Annotated[str, Meta(description="waiting_payment.")] | UnsetType = UNSET
    payment_url: (
        Annotated[str, Meta(description="Where anybody can pay; empty where no link is open.")]
        | UnsetType
    ) = UNSET
    retry_after_seconds: (
        Annotated[int, Meta(description="Come back after so many seconds.")] | UnsetType
    ) = UNSET
    checks: (
        Annotated[dict[str, str], Meta(description="ok, or what is wrong, by what was checked.")]
        | UnsetType
    ) = UNSET


def number_of(kind: type[Fact]) -> int:
    """Return the HTTP status of a kind of fact: its own or its nearest ancestor's."""
    return next(_NUMBERS[each] for each in kind.__mro__ if each in _NUMBERS)


def problem_of(fact: Fact) -> Problem:
    """Say a fact as problem details."""
    problem = Problem(
        type=f"/problems/{fact.slug}",
        title=fact.title,
        detail=str(fact),
        code=fact.slug,
        error=str(fact),
        fix=fix_for(fact),
        retry_after_seconds=_pause(fact),
    )
    match fact:
        case PaymentDue():
            problem.status, problem.payment_url = "waiting_payment", fact.payment_url
        case FieldInvalid():
            problem.field = fact.field
        case NotReady():
            problem.checks = fact.checks
    return problem


def headers_of(fact: Fact) -> dict[str, str]:
    """Return the headers that go with a fact."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    match fact:
        case MethodNotAllowed():
            headers["Allow"] = fact.allow
        case AccessTokenMissing():
            headers["WWW-Authenticate"] = "Bearer"
        case AccessTokenInvalid():
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        case RequestTooSlow():
            # RFC 9110 section 15.5.9: nobody reads the rest of the body, so that a caller who
            # goes on sending it would keep the connection for ever.
            headers["Connection"] = "close"
    pause = _pause(fact)
    if pause is not UNSET:
        headers["Retry-After"] = str(pause)
    return headers


def encoded(fact: Fact) -> bytes:
    """Return the problem details as JSON."""
    return msgspec.json.encode(problem_of(fact))


def _pause(fact: Fact) -> int | UnsetType:
    if isinstance(fact, Overloaded):
        return fact.retry_after
    return next((_PAUSES[each] for each in type(fact).__mro__ if each in _PAUSES), UNSET)
