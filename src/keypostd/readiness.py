"""Whether the service can do its work, asked by ``/readyz``."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from keypost.ports import Clock, LetterQueue
from keypost_adapters.store import migrate

# A letter that has been due for this long means that nobody sends letters.
_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Checks the database, its migrations and the queues."""

    database: Path
    lookup: Path
    letters: LetterQueue
    clock: Clock

    async def __call__(self) -> dict[str, str]:
        """Return ``ok`` or what is wrong, by what was checked."""
        oldest = await self.letters.oldest_owed_letter()
        is_stuck = oldest is not None and self.clock() - oldest > _PATIENCE
        is_pending = await asyncio.to_thread(migrate.pending, self.database, self.lookup)
        return {
            "database": "ok",
            "migrations": "pending; run keypostd migrate" if is_pending else "ok",
            "queues": "letters are not being sent" if is_stuck else "ok",
        }
