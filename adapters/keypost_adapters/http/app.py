"""The ASGI application, put together from the routes."""

from dataclasses import dataclass
from typing import Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from keypost.credentials import CredentialDeriver
from keypost.ports import Clock
from keypost.use_cases.claim_mailbox import Claimed, ClaimMailbox, RenewMailbox
from keypost.use_cases.prove_key import IssueChallenge
from keypost.use_cases.read_inbox import ListMessages, ReadMessage, ReadRawMessage
from keypost.use_cases.resolve_access import ResolveAccess, ResolveToken
from keypost.use_cases.settle_checkout import SettleCheckout
from keypost_adapters.http.face import PublicFace
from keypost_adapters.http.pages import Pages
from keypost_adapters.http.reading import LARGEST_BODY
from keypost_adapters.http.refusing import refuse_with
from keypost_adapters.http.replies import MailboxReply, mailbox_reply
from keypost_adapters.http.routes.about import about_routes, problem_routes, text_routes
from keypost_adapters.http.routes.access import access_routes
from keypost_adapters.http.routes.health import Ready, health_routes
from keypost_adapters.http.routes.imap import imap_routes
from keypost_adapters.http.routes.keys import key_routes
from keypost_adapters.http.routes.mailboxes import Show, mailbox_routes
from keypost_adapters.http.routes.messages import message_routes
from keypost_adapters.http.routes.mock_pay import Pay, mock_pay_routes
from keypost_adapters.http.routes.schema import schema_routes
from keypost_adapters.http.turnstile import Turnstile
from keypost_adapters.http.whole_body import WholeBody

# What programs get is theirs alone and true only now. Pages say otherwise themselves.
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the service does, as far as HTTP is asked for it."""

    issue_challenge: IssueChallenge
    claim: ClaimMailbox
    renew: RenewMailbox
    resolve_access: ResolveAccess
    resolve_token: ResolveToken
    list_messages: ListMessages
    read_message: ReadMessage
    read_raw_message: ReadRawMessage
    settle_checkout: SettleCheckout


def create_app(  # noqa: PLR0913 - everything is named
    cases: UseCases,
    face: PublicFace,
    *,
    credentials: CredentialDeriver,
    clock: Clock,
    ready: Ready,
    mock_pay: Pay | None,
    max_concurrent_requests: int,
) -> ASGIApp:
    """Return the application.

    ``mock_pay`` pays a session of the mock provider; without it that route does
    not exist. ``max_concurrent_requests`` of 0 is no limit.
    """
    pages = Pages(face)

    def show(claimed: Claimed) -> MailboxReply:
        return mailbox_reply(claimed, face=face, credentials=credentials, now=clock())

    routes = [
        *_agent_routes(cases, face, show=show),
        *health_routes(ready),
        *about_routes(pages),
        *problem_routes(pages),
        *text_routes(pages),
    ]
    if mock_pay is not None:
        routes += mock_pay_routes(mock_pay, cases.settle_checkout, pages=pages)
    routes += schema_routes(routes, pages)
    return WholeBody(
        Turnstile(_litestar(routes, pages), max_concurrent_requests), largest=LARGEST_BODY
    )


def _agent_routes(cases: UseCases, face: PublicFace, *, show: Show) -> list[HTTPRouteHandler]:
    return [
        *key_routes(cases.issue_challenge),
        *mailbox_routes(cases.claim, cases.renew, show=show),
        *access_routes(cases.resolve_access, cases.resolve_token, face=face),
        *imap_routes(cases.list_messages, cases.read_message),
        *message_routes(cases.list_messages, cases.read_message, cases.read_raw_message),
    ]


def _litestar(routes: list[HTTPRouteHandler], pages: Pages) -> Litestar:
    return Litestar(
        routes,
        exception_handlers={Exception: refuse_with(pages)},
        request_max_body_size=LARGEST_BODY,
        response_headers=_HEADERS,
        # Litestar's own pages load scripts from elsewhere, and its logging plugin
        # writes bodies down.
        openapi_config=None,
        logging_config=None,
        # Said outright, or else variables of the environment decide.
        debug=False,
        pdb_on_exception=False,
    )
