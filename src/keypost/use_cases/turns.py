"""One at a time per name, within this process.

Constraints in the store keep the promise across processes; a turn spares
callers of one process the conflict, so that fifty parallel claims of one key
all succeed instead of forty-nine being told to try again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Turns:
    """Locks by name that exist only while somebody holds or wants them."""

    _turns: dict[str, _Turn] = field(default_factory=dict)

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait until nobody else is inside with this name."""
        turn = self._turns.setdefault(name, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[name]
