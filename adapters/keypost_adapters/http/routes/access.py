"""Hand out what opens a paid mailbox."""

from typing import Final

from litestar.handlers import HTTPRouteHandler
from msgspec.json import Decoder

from keypost.errors import MailboxNotFound, MailboxRevoked, PaymentDue, ProtocolUnsupported
from keypost.use_cases.resolve_access import ResolveAccess, ResolveToken
from keypost_adapters.http.described import (
    PROOF_FACTS,
    TOKEN_FACTS,
    Described,
    Gives,
    post,
)
from keypost_adapters.http.face import PublicFace
from keypost_adapters.http.reading import AnyRequest, read_json
from keypost_adapters.http.replies import AccessReply, access_reply
from keypost_adapters.http.requests import AccessRequest, TokenRequest, shown_proof

_ACCESS: Final = Decoder(AccessRequest)
_TOKEN: Final = Decoder(TokenRequest)


def access_routes(
    resolve: ResolveAccess, with_token: ResolveToken, *, face: PublicFace
) -> list[HTTPRouteHandler]:
    """Return the routes that hand out credentials."""

    @post(
        "/v1/access/resolve",
        Described(
            tag="Access",
            summary="Get access details with a key",
            case=ResolveAccess,
            takes=AccessRequest,
            gives={200: Gives("What opens the mailbox.", AccessReply)},
            raises=(
                *PROOF_FACTS,
                ProtocolUnsupported,
                MailboxNotFound,
                PaymentDue,
                MailboxRevoked,
            ),
        ),
    )
    async def resolve_access(request: AnyRequest) -> AccessReply:
        asked = await read_json(request, _ACCESS)
        access = await resolve(shown_proof(asked), protocol=asked.protocol)
        return access_reply(access, face=face)

    @post(
        "/v1/imap/resolve",
        Described(
            tag="Access",
            summary="Get access details with a token",
            case=ResolveToken,
            takes=TokenRequest,
            gives={200: Gives("What opens the mailbox.", AccessReply)},
            raises=TOKEN_FACTS,
        ),
    )
    async def resolve_token(request: AnyRequest) -> AccessReply:
        asked = await read_json(request, _TOKEN)
        return access_reply(await with_token(asked.access_token), face=face)

    return [resolve_access, resolve_token]
