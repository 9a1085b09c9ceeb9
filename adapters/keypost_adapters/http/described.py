"""What the API's description says of a route, declared where the route is.

Litestar can describe a body only if it also decodes it, and does that leniently
(``"limit": "5"`` and ``"unread_only": 1`` pass); so the bodies are decoded by
``reading`` and described here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, Final, TypeAlias

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from keypost.errors import (
    AccessTokenInvalid,
    ChallengeExpired,
    ChallengeForeign,
    ChallengeTampered,
    ChallengeUsed,
    Fact,
    InboxUnavailable,
    KeyMalformed,
    KeyTypeUnsupported,
    KeyWeak,
    MailboxRevoked,
    PaymentDue,
    ProofMissing,
    SignatureForeign,
    SignatureInvalid,
    SignatureMalformed,
    StoreBusy,
    StoreFailing,
)
from keypost_adapters.http.edge_facts import (
    AccessTokenMissing,
    BodyMalformed,
    BodyTooLarge,
    FieldInvalid,
    InternalError,
    MediaTypeUnsupported,
    Overloaded,
    RequestTooSlow,
)

_OPT: Final = "described"

Facts: TypeAlias = tuple[type[Fact], ...]

KEY_FACTS: Final[Facts] = (KeyMalformed, KeyTypeUnsupported, KeyWeak)
PROOF_FACTS: Final[Facts] = (
    *KEY_FACTS,
    ProofMissing,
    SignatureMalformed,
    SignatureForeign,
    SignatureInvalid,
    ChallengeTampered,
    ChallengeForeign,
    ChallengeExpired,
    ChallengeUsed,
    StoreBusy,
    StoreFailing,
)
TOKEN_FACTS: Final[Facts] = (
    AccessTokenInvalid,
    PaymentDue,
    MailboxRevoked,
    StoreBusy,
    StoreFailing,
)
INBOX_FACTS: Final[Facts] = (*TOKEN_FACTS, InboxUnavailable)

_BODY_FACTS: Final[Facts] = (
    BodyMalformed,
    FieldInvalid,
    BodyTooLarge,
    MediaTypeUnsupported,
    RequestTooSlow,
)


@dataclass(frozen=True, slots=True)
class Gives:
    """What a good reply brings: words for people and, for JSON, its type."""

    words: str
    kind: type[Struct] | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Described:
    """One operation. ``case`` is the use case whose docstring describes it; else the handler's."""

    tag: str
    gives: Mapping[int, Gives]
    summary: str
    case: type | None = None
    takes: type[Struct] | None = None
    query: type[Struct] | None = None
    bearer: bool = False
    counted: bool = True
    raises: Facts = field(default=())

    @property
    def facts(self) -> Facts:
        """Every fact that the operation may answer with."""
        return (
            *(_BODY_FACTS if self.takes else ()),
            *((FieldInvalid,) if self.query else ()),
            *((AccessTokenMissing,) if self.bearer else ()),
            *self.raises,
            *((Overloaded,) if self.counted else ()),
            InternalError,
        )


def get(path: str, described: Described) -> "Decorator":
    """Serve GET under a path, and HEAD, which must have no other effect."""
    return _route(path, described, HttpMethod.GET, HttpMethod.HEAD)


def get_without_head(path: str, described: Described) -> "Decorator":
    """Serve GET under a path, where GET has an effect that HEAD must not have."""
    return _route(path, described, HttpMethod.GET)


def post(path: str, described: Described) -> "Decorator":
    """Serve POST under a path."""
    return _route(path, described, HttpMethod.POST)


def description_of(handler: HTTPRouteHandler) -> Described:
    """Return what a route was declared with."""
    described: Described = handler.opt[_OPT]
    return described


def prose_of(handler: HTTPRouteHandler) -> str:
    """Return the paragraphs that describe an operation."""
    source: Any = description_of(handler).case or handler.fn
    return cleandoc(source.__doc__ or "")


Decorator: TypeAlias = Callable[[Callable[..., Awaitable[object]]], HTTPRouteHandler]


def _route(path: str, described: Described, *methods: HttpMethod) -> Decorator:
    return HTTPRouteHandler(
        path, http_method=methods, status_code=200, opt={_OPT: described}, include_in_schema=False
    )
