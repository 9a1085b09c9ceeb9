"""Read mail with the access token in the body."""

from typing import Final

from litestar.handlers import HTTPRouteHandler
from msgspec.json import Decoder

from keypost.errors import MessageNotFound
from keypost.use_cases.read_inbox import ListMessages, ReadMessage
from keypost_adapters.http.described import INBOX_FACTS, Described, Gives, post
from keypost_adapters.http.reading import AnyRequest, read_json
from keypost_adapters.http.replies import (
    MessagesReply,
    OneMessageReply,
    messages_reply,
    one_message_reply,
)
from keypost_adapters.http.requests import ListRequest, ReadRequest

_LIST: Final = Decoder(ListRequest)
_READ: Final = Decoder(ReadRequest)


def imap_routes(list_messages: ListMessages, read_message: ReadMessage) -> list[HTTPRouteHandler]:
    """Return the routes that read mail as today's clients ask for it."""

    @post(
        "/v1/imap/messages",
        Described(
            tag="Messages",
            summary="List messages",
            case=ListMessages,
            takes=ListRequest,
            gives={200: Gives("Messages, newest first.", MessagesReply)},
            raises=INBOX_FACTS,
        ),
    )
    async def list_imap_messages(request: AnyRequest) -> MessagesReply:
        asked = await read_json(request, _LIST)
        messages = await list_messages(
            asked.access_token,
            unread_only=asked.unread_only,
            limit=asked.limit,
            include_body=asked.include_body,
        )
        return messages_reply(messages)

    @post(
        "/v1/imap/messages/get",
        Described(
            tag="Messages",
            summary="Read a message",
            case=ReadMessage,
            takes=ReadRequest,
            gives={200: Gives("The message.", OneMessageReply)},
            raises=(*INBOX_FACTS, MessageNotFound),
        ),
    )
    async def read_imap_message(request: AnyRequest) -> OneMessageReply:
        asked = await read_json(request, _READ)
        message = await read_message(asked.access_token, asked.uid, include_body=asked.include_body)
        return one_message_reply(message)

    return [list_imap_messages, read_imap_message]
