"""Send what is owed: the outbox's due letters."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from keypost.errors import NotifierUnavailable
from keypost.letters import LetterState, OutboxEntry
from keypost.ports import Clock, LetterWriter, Notifier, UnitOfWork

_BATCH = 20


@dataclass(frozen=True, slots=True)
class SendLetters:
    """Send the letters that are due.

    A letter is taken, sent and ticked off in three steps, so a worker that dies
    in between leaves it to be taken again; the notifier's idempotency key keeps
    the recipient from getting it twice where the technology allows.
    """

    uow: UnitOfWork
    writer: LetterWriter
    notifier: Notifier
    clock: Clock

    async def __call__(self) -> Sequence[OutboxEntry]:
        """Return the letters that were due, each with what became of it."""
        taken = await self._take()
        entries = [entry for entry in taken if entry.state is LetterState.SENDING]
        # Side by side, so that a notifier that hangs holds no letter beyond its own lease.
        outcomes = await asyncio.gather(
            *(self._deliver(entry) for entry in entries), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome  # after the others are ticked off
        expired = [entry for entry in taken if entry not in entries]
        return [*expired, *(outcome for outcome in outcomes if isinstance(outcome, OutboxEntry))]

    async def _take(self) -> list[OutboxEntry]:
        now = self.clock()
        async with self.uow() as tx:
            taken = [entry.taken(now) for entry in await tx.outbox.due(now, limit=_BATCH)]
            for entry in taken:
                await tx.outbox.update(entry)
            if taken:
                await tx.commit()
        return taken

    async def _deliver(self, entry: OutboxEntry) -> OutboxEntry:
        outcome = await self._send(entry)
        async with self.uow() as tx:
            # One that was dropped or taken by another meanwhile stays as it is,
            # unless it is known to have gone out.
            if outcome.state is LetterState.SENT or await tx.outbox.get(entry.id) == entry:
                await tx.outbox.update(outcome)
                await tx.commit()
        return outcome

    async def _send(self, entry: OutboxEntry) -> OutboxEntry:
        try:
            await self.notifier.send(self.writer.write(entry), idempotency_key=entry.id)
        except NotifierUnavailable as fact:
            return entry.failed(str(fact), now=self.clock())
        except Exception as error:  # noqa: BLE001 - a letter that cannot be written is one to look at
            return entry.failed(type(error).__name__, now=self.clock())
        return entry.sent(self.clock())
