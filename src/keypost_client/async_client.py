"""The client for programs that do something else meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from keypost_client.connection import from_httpx, named_failures, settings, to_httpx
from keypost_client.conversation import Conversation
from keypost_client.keys.choice import find_key
from keypost_client.keys.signing import SigningKey
from keypost_client.replies import Access, Challenge, Mailbox, Message
from keypost_client.reply import Reply
from keypost_client.steps import NO_REPLY, Done, Flow, Pause, Step, advance

T = TypeVar("T")


class AsyncKeypost:
    """Keypost's methods for asyncio; what they mean stands there."""

    def __init__(
        self,
        key: SigningKey | None = None,
        *,
        url: str | None = None,
        patience: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._talk = Conversation(key or find_key(), patience=patience)
        self._http = httpx.AsyncClient(transport=transport, **settings(url))
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def challenge(self) -> Challenge:
        """Ask for a text to sign."""
        return await self._run(self._talk.challenge())

    async def claim(self, billing_email: str, coupon_code: str | None = None) -> Mailbox:
        """Find this key's mailbox, or have one made."""
        return await self._run(self._talk.claim(billing_email, coupon_code))

    async def renew(self, billing_email: str, coupon_code: str | None = None) -> Mailbox:
        """Ask for a payment link for more time."""
        return await self._run(self._talk.renew(billing_email, coupon_code))

    async def access(self) -> Access:
        """Ask for the IMAP details of the mailbox."""
        return await self._run(self._talk.access())

    async def wait_until_paid(self, *, within: float = 900.0, every: float = 10.0) -> Access:
        """Ask for access every so many seconds until someone has paid."""
        return await self._run(self._talk.wait_until_paid(within=within, every=every))

    async def messages(
        self, *, unread_only: bool = True, limit: int = 20, include_body: bool = False
    ) -> list[Message]:
        """List up to ``limit`` (1 to 100) messages, newest first."""
        return await self._run(
            self._talk.messages(unread_only=unread_only, limit=limit, include_body=include_body)
        )

    async def read(self, uid: int) -> Message:
        """Read one message with its text."""
        return await self._run(self._talk.read(uid))

    async def raw(self, uid: int) -> bytes:
        """Read one message as it came in (RFC 5322), byte for byte."""
        return await self._run(self._talk.raw(uid))

    async def _run(self, flow: Flow[T]) -> T:
        """Carry out the steps. In a thread, as ssh-agent may ask its owner before it signs."""
        step = await asyncio.to_thread(advance, flow, None)
        while not isinstance(step, Done):
            step = await asyncio.to_thread(advance, flow, await self._perform(step))
        return step.value

    async def _perform(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return NO_REPLY
        with named_failures(self._http.base_url):
            return from_httpx(await self._http.send(to_httpx(self._http, step)))
