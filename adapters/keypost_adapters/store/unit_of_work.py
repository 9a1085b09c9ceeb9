"""UnitOfWork over SQLAlchemy: one change, one transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from keypost_adapters.store.stores import (
    SqlCheckoutStore,
    SqlMailboxStore,
    SqlNonceStore,
    SqlOutbox,
    SqlPaymentLedger,
    SqlReceiveTable,
)
from keypost_adapters.store.turn import WriteTurn, fact_of


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

    ``writing`` is held for as long as a transaction is open. ``letter_owed`` is called after a commit that put a letter into the outbox.
    """

    engine: AsyncEngine
    writing: WriteTurn
    letter_owed: Callable[[], None]

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlTransaction]:
        """Open a transaction; raise StoreBusy or StoreFailing where it cannot be had or written."""
        async with self.writing(), AsyncSession(self.engine, expire_on_commit=False) as session:
            try:
                yield SqlTransaction(session, self.letter_owed)
            except OperationalError as error:
                fact = fact_of(error.orig) if error.orig else None
                raise fact or error from error
