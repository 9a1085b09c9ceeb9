"""Who writes next, and what it means when SQLite says no."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from keypost.errors import Fact, StoreBusy, StoreFailing

# As long as SQLite itself waits for another process (PRAGMA busy_timeout).
_PATIENCE_SECONDS = 5.0

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FAILING = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
)


@dataclass(frozen=True, slots=True)
class WriteTurn:
    """The one writer of this process.

    SQLite has one writer; a fair queue in this process beats polling for its
    lock. Whoever has waited for five seconds is told so instead of waiting out
    everybody before it.
    """

    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Wait for the turn; raise StoreBusy where it does not come."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise StoreBusy from None
        try:
            yield
        finally:
            self._lock.release()


def fact_of(error: BaseException) -> Fact | None:
    """Return what a database error means for the caller, or None where it is a fault of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF  # https://www.sqlite.org/rescode.html: extended codes add higher bits
    if primary in _BUSY:
        return StoreBusy()
    return StoreFailing() if primary in _FAILING else None
