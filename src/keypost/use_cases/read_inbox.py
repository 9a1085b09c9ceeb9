"""Read a mailbox with its access token."""

from collections.abc import Sequence
from dataclasses import dataclass

from keypost.message import Message
from keypost.ports import InboxReader
from keypost.use_cases.resolve_access import ResolveToken


@dataclass(frozen=True, slots=True)
class ListMessages:
    """List the newest messages of a mailbox, the newest first. Reading sets no flag."""

    resolve: ResolveToken
    inbox: InboxReader

    async def __call__(
        self, access_token: str, *, unread_only: bool, limit: int, include_body: bool
    ) -> Sequence[Message]:
        """Return up to ``limit`` messages; raise AccessTokenInvalid, PaymentDue, InboxUnavailable."""
        access = await self.resolve(access_token)
        return await self.inbox.messages(
            access.credentials, unread_only=unread_only, limit=limit, include_body=include_body
        )


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """Read one message of a mailbox. Reading sets no flag."""

    resolve: ResolveToken
    inbox: InboxReader

    async def __call__(self, access_token: str, uid: int, *, include_body: bool) -> Message:
        """Return the message; raise MessageNotFound and what ListMessages raises."""
        access = await self.resolve(access_token)
        return await self.inbox.message(access.credentials, uid, include_body=include_body)


@dataclass(frozen=True, slots=True)
class ReadRawMessage:
    """Read one message byte for byte as it was received (RFC 5322)."""

    resolve: ResolveToken
    inbox: InboxReader

    async def __call__(self, access_token: str, uid: int) -> bytes:
        """Return the bytes; raise MessageNotFound and what ListMessages raises."""
        access = await self.resolve(access_token)
        return await self.inbox.raw(access.credentials, uid)
