"""Two SQLite files opened as one store: the database, and the receive tables beside it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keypost.ports import Clock
from keypost_adapters.store.dialect import BEGIN_WRITING, set_up_connection
from keypost_adapters.store.hot_path import SqliteIndex, SqliteNonceStore
from keypost_adapters.store.turn import WriteTurn
from keypost_adapters.store.unit_of_work import SqlUnitOfWork


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """An open store: changes, used nonces, and look-ups."""

    uow: SqlUnitOfWork
    nonces: SqliteNonceStore
    index: SqliteIndex


@asynccontextmanager
async def open_sqlite(
    database: Path, lookup: Path, *, clock: Clock, letter_owed: Callable[[], None] = lambda: None
) -> AsyncIterator[SqliteStore]:
    """Open a migrated store and close it at the end.

    ``letter_owed`` is called after each commit that put a letter into the outbox.
    ``lookup`` stays open for as long as this process lives, which keeps the
    shared-memory file there that a reader without write access needs (WAL).
    """
    writing = WriteTurn()
    engine = _engine(database, lookup)
    async with _connection(database, lookup) as reader, _connection(database, lookup) as writer:
        nonces = SqliteNonceStore(writer, writing=writing, clock=clock)
        try:
            yield SqliteStore(
                SqlUnitOfWork(engine, writing, letter_owed), nonces, SqliteIndex(reader)
            )
        finally:
            await nonces.close()
            await engine.dispose()


def _engine(database: Path, lookup: Path) -> AsyncEngine:
    engine = create_async_engine(
        # Not written as a URL: a path may hold what a URL gives a meaning to.
        URL.create("sqlite+aiosqlite", database=str(database)),
        pool_size=1,
        max_overflow=0,
    )
    prepare(engine.sync_engine, lookup)
    return engine


def prepare(engine: Any, lookup: Path) -> None:  # noqa: ANN401 - an Engine, or what an event takes for one
    """Make an engine's connections ours, and its transactions writing ones from their BEGIN.

    The driver would begin only at the first change, and a transaction that has
    read before it writes could then lose another's change without an error.
    """

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        connection.isolation_level = None
        cursor = connection.cursor()
        for statement in set_up_connection(lookup):
            cursor.execute(statement)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's Connection
        connection.exec_driver_sql(BEGIN_WRITING)


@asynccontextmanager
async def _connection(database: Path, lookup: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(database, isolation_level=None) as connection:
        for statement in set_up_connection(lookup):
            await connection.execute_fetchall(statement)
        yield connection
