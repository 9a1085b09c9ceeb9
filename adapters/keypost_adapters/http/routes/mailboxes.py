"""Claim and renew the mailbox of a key."""

from collections.abc import Callable
from typing import Final, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec.json import Decoder

from keypost.errors import (
    AddressMalformed,
    CouponUnknown,
    MailboxNotFound,
    MailboxRevoked,
    PaymentProviderUnavailable,
)
from keypost.use_cases.claim_mailbox import Claimed, ClaimMailbox, RenewMailbox
from keypost_adapters.http.described import PROOF_FACTS, Described, Facts, Gives, post
from keypost_adapters.http.reading import AnyRequest, read_json
from keypost_adapters.http.replies import MailboxReply
from keypost_adapters.http.requests import ClaimRequest, billing_address, shown_proof

_CLAIM: Final = Decoder(ClaimRequest)
_FACTS: Final[Facts] = (*PROOF_FACTS, AddressMalformed, CouponUnknown, PaymentProviderUnavailable)

Show: TypeAlias = Callable[[Claimed], MailboxReply]


def mailbox_routes(
    claim: ClaimMailbox, renew: RenewMailbox, *, show: Show
) -> list[HTTPRouteHandler]:
    """Return the routes that make mailboxes and ask for payments."""

    @post(
        "/v1/mailboxes/claim",
        Described(
            tag="Mailboxes",
            summary="Claim the key's mailbox",
            case=ClaimMailbox,
            takes=ClaimRequest,
            gives={
                200: Gives("The key's mailbox, known before.", MailboxReply),
                201: Gives("The key's mailbox, just made.", MailboxReply),
            },
            raises=_FACTS,
        ),
    )
    async def claim_mailbox(request: AnyRequest) -> Response[MailboxReply]:
        asked = await read_json(request, _CLAIM)
        claimed = await claim(shown_proof(asked), billing_address(asked))
        return Response(show(claimed), status_code=201 if claimed.is_new else 200)

    @post(
        "/v1/mailboxes/renew",
        Described(
            tag="Mailboxes",
            summary="Get a payment link for more time",
            case=RenewMailbox,
            takes=ClaimRequest,
            gives={200: Gives("The key's mailbox and the link.", MailboxReply)},
            raises=(*_FACTS, MailboxNotFound, MailboxRevoked),
        ),
    )
    async def renew_mailbox(request: AnyRequest) -> MailboxReply:
        asked = await read_json(request, _CLAIM)
        return show(await renew(shown_proof(asked), billing_address(asked)))

    return [claim_mailbox, renew_mailbox]
