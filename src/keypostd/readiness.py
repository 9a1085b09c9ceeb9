"""Whether the service can do its work, asked by ``/readyz``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from keypost.ports import Clock, LetterQueue

_log = structlog.get_logger(__name__)

# A letter that has been due for this long means that nobody sends letters.
_PATIENCE = timedelta(minutes=5)

# One that was tried this often has been failing for a quarter of an hour.
_MANY_ATTEMPTS = 10

# Anybody may ask, so the answer is kept for a moment.
_KEPT = timedelta(seconds=1)


class WatchedStore(LetterQueue, Protocol):
    """What is asked of the store."""

    async def revision(self) -> str:
        """Return the revision of the tables."""
        ...


@dataclass(slots=True)
class Readiness:
    """Checks the database, its migrations and the queues; reads, and writes nothing.

    ``revision`` is that of the tables this program was written for.
    """

    store: WatchedStore
    revision: str
    clock: Clock
    _answer: dict[str, str] = field(default_factory=dict)
    _asked_at: datetime | None = None

    async def __call__(self) -> dict[str, str]:
        """Return ``ok`` or what is wrong, by what was checked."""
        now = self.clock()
        if self._asked_at is None or not timedelta() <= now - self._asked_at < _KEPT:
            self._answer = {
                "database": "ok",
                "migrations": await _outcome(self._migrations),
                "queues": await _outcome(self._queues),
            }
            if _UNANSWERED in self._answer.values():
                self._answer["database"] = _UNANSWERED
            self._asked_at = now
        return self._answer

    async def _migrations(self) -> str:
        found = await self.store.revision()
        return "ok" if found == self.revision else "pending; run keypostd migrate"

    async def _queues(self) -> str:
        oldest = await self.store.oldest_untried_letter()
        if oldest is not None and self.clock() - oldest > _PATIENCE:
            return "letters are not being sent"
        if await self.store.most_attempts() >= _MANY_ATTEMPTS:
            return "the notifier refuses letters"
        return "ok"


_UNANSWERED = "the database does not answer"


async def _outcome(check: Callable[[], Awaitable[str]]) -> str:
    try:
        return await check()
    except Exception:  # noqa: BLE001 - whatever it is, the answer is that it does not work
        _log.warning("readiness_check_failed", check=check.__name__)
        return _UNANSWERED
