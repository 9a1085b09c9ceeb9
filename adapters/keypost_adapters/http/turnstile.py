"""Let only so many requests in at a time, and tell the others when to come back."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from keypost_adapters.http.answering import answer
from keypost_adapters.http.edge_facts import Overloaded

# A load balancer that cannot ask for health would take a busy service for a
# dead one, and a provider whose webhooks fail stops sending them.
_UNCOUNTED: Final = ("/healthz", "/readyz", "/v1/webhooks/")


def random_pause() -> int:
    """Return 3 to 100 seconds, so that those who are sent away do not return together."""
    return random.randint(3, 100)  # noqa: S311 - spreads load, keeps no secret


@dataclass(slots=True)
class Turnstile:
    """ASGI middleware that lets ``places`` requests in at a time; 0 lets all in."""

    app: ASGIApp
    places: int
    pause: Callable[[], int] = random_pause
    taken: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self.places or not _is_counted(scope):
            await self.app(scope, receive, send)
        elif self.taken >= self.places:
            await answer(send, Overloaded(retry_after=self.pause()))
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.taken += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.taken -= 1


def _is_counted(scope: Scope) -> bool:
    # Lifespan scopes have no path, and Litestar's type leaves them out.
    return scope["type"] == ScopeType.HTTP and not scope["path"].startswith(_UNCOUNTED)
