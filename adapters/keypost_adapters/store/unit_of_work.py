"""UnitOfWork over SQLAlchemy: one change, one transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from keypost.errors import StoreBusy
from keypost_adapters.store.stores import (
    SqlCheckoutStore,
    SqlMailboxStore,
    SqlNonceStore,
    SqlOutbox,
    SqlPaymentLedger,
    SqlReceiveTable,
)


class SqlTransaction:
    """Transaction over one session."""

    def __init__(self, session: AsyncSession, letter_owed: Callable[[], None]) -> None:
        self._session = session
        self._letter_owed = letter_owed
        self.mailboxes = SqlMailboxStore(session)
        self.checkouts = SqlCheckoutStore(session)
        self.payments = SqlPaymentLedger(session)
        self.nonces = SqlNonceStore(session)
        self.outbox = SqlOutbox(session)
        self.receiving = SqlReceiveTable(session)

    async def commit(self) -> None:
        """Make the change durable, and tell of a letter in it."""
        await self._session.commit()
        if self.outbox.has_new:
            self._letter_owed()


@dataclass(frozen=True, slots=True)
class SqlUnitOfWork:
    """UnitOfWork over an engine whose transactions begin as writing ones.

    ``writing`` is held for as long as a transaction is open: SQLite has one
    writer, and a fair queue in this process beats polling for its lock.
    ``letter_owed`` is called after a commit that put a letter into the outbox.
    """

    engine: AsyncEngine
    writing: asyncio.Lock
    letter_owed: Callable[[], None]

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlTransaction]:
        """Open a transaction; raise StoreBusy where another process holds the database."""
        async with self.writing, AsyncSession(self.engine, expire_on_commit=False) as session:
            try:
                yield SqlTransaction(session, self.letter_owed)
            except OperationalError as error:
                raise _fact_of(error) from error


def _fact_of(error: OperationalError) -> Exception:
    locked = "locked" in str(error.orig)
    return StoreBusy() if locked else error
