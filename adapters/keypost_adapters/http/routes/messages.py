"""Read mail with the access token as a Bearer."""

from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keypost.errors import MessageNotFound
from keypost.use_cases.read_inbox import ListMessages, ReadMessage, ReadRawMessage
from keypost_adapters.http.described import (
    INBOX_FACTS,
    Described,
    Facts,
    Gives,
    get,
)
from keypost_adapters.http.reading import AnyRequest, read_bearer, read_query, read_uid
from keypost_adapters.http.replies import (
    MessagesReply,
    OneMessageReply,
    messages_reply,
    one_message_reply,
)
from keypost_adapters.http.requests import ListQuery, NoQuery, ReadQuery

_RAW: Final = "message/rfc822"
_FACTS: Final[Facts] = (*INBOX_FACTS, MessageNotFound)


def message_routes(
    list_messages: ListMessages, read_message: ReadMessage, read_raw: ReadRawMessage
) -> list[HTTPRouteHandler]:
    """Return the routes under ``/v1/messages``."""
    return [*_readable_routes(list_messages, read_message), _raw_route(read_raw)]


def _readable_routes(
    list_messages: ListMessages, read_message: ReadMessage
) -> list[HTTPRouteHandler]:

    @get(
        "/v1/messages",
        Described(
            tag="Messages",
            summary="List messages",
            case=ListMessages,
            query=ListQuery,
            bearer=True,
            gives={200: Gives("Messages, newest first.", MessagesReply)},
            raises=INBOX_FACTS,
        ),
    )
    async def list_own_messages(request: AnyRequest) -> MessagesReply:
        token, asked = read_bearer(request), read_query(request, ListQuery)
        messages = await list_messages(
            token,
            unread_only=asked.unread_only,
            limit=asked.limit,
            include_body=asked.include_body,
        )
        return messages_reply(messages)

    @get(
        "/v1/messages/{uid:str}",
        Described(
            tag="Messages",
            summary="Read a message",
            case=ReadMessage,
            query=ReadQuery,
            bearer=True,
            gives={200: Gives("The message.", OneMessageReply)},
            raises=_FACTS,
        ),
    )
    async def read_own_message(request: AnyRequest, uid: FromPath[str]) -> OneMessageReply:
        token, asked = read_bearer(request), read_query(request, ReadQuery)
        message = await read_message(token, read_uid(uid), include_body=asked.include_body)
        return one_message_reply(message)

    return [list_own_messages, read_own_message]


def _raw_route(read_raw: ReadRawMessage) -> HTTPRouteHandler:
    @get(
        "/v1/messages/{uid:str}/raw",
        Described(
            tag="Messages",
            summary="Read a message as it came in",
            case=ReadRawMessage,
            query=NoQuery,
            bearer=True,
            gives={200: Gives("The message, byte for byte.", media_type=_RAW)},
            raises=_FACTS,
        ),
    )
    async def read_own_raw_message(request: AnyRequest, uid: FromPath[str]) -> Response[bytes]:
        token, number = read_bearer(request), read_uid(uid)
        read_query(request, NoQuery)
        return _file(await read_raw(token, number), number)

    return read_own_raw_message


def _file(content: bytes, uid: int) -> Response[bytes]:
    # A stranger wrote these bytes: no browser may take them for a page of ours.
    headers = {
        "Content-Disposition": f'attachment; filename="message-{uid}.eml"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type=_RAW, headers=headers)
