"""Take a request's body whole, small and soon, before anything is done for it."""

import asyncio
from dataclasses import dataclass
from typing import Final

from litestar.enums import ScopeType
from litestar.types import (
    ASGIApp,
    HTTPRequestEvent,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
)

from keypost_adapters.http.answering import answer
from keypost_adapters.http.edge_facts import BodyTooLarge, RequestTooSlow

_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class WholeBody:
    """ASGI middleware that reads the body of at most ``largest`` bytes in ten seconds.

    A caller that never finishes its sentence then takes up no place behind it.
    """

    app: ASGIApp
    largest: int
    seconds: float = _SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            await answer(send, RequestTooSlow())
        except BodyTooLarge as fact:
            await answer(send, fact)
        else:
            if body is not None:
                await self.app(scope, _once(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, or None where the caller hung up; raise BodyTooLarge at its end.

        What is too much is read and dropped, because most clients see no answer
        before they have sent everything, and a reset in its place if we close.
        """
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")  # both members are optional in ASGI
            size += len(part)
            if size > self.largest:
                parts.clear()
            else:
                parts.append(part)
            more = message.get("more_body", False)
        if size > self.largest:
            raise BodyTooLarge
        return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body and then what comes after it."""
    whole: HTTPRequestEvent = {"type": "http.request", "body": body, "more_body": False}
    waiting: list[ReceiveMessage] = [whole]

    async def next_message() -> ReceiveMessage:
        return waiting.pop() if waiting else await receive()

    return next_message
