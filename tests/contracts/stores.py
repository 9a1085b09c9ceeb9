"""The stores that have to keep the laws, opened alike."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from fakes.clock import FakeClock
from fakes.store import ConstraintBroken, MemoryStore
from keypost.ports import (
    LetterQueue,
    MailboxIndex,
    NonceStore,
    ReceiveDirectory,
    UnitOfWork,
)
from keypost_adapters.store import migrate
from keypost_adapters.store.sqlite import SqliteStore, open_sqlite


@dataclass(frozen=True)
class OpenStore:
    """A store, and what a test asks behind its back.

    ``refusal`` is how it says that a change would break a law, ``times_of``
    when a login's row was created and last updated.
    """

    uow: UnitOfWork
    nonces: NonceStore
    index: MailboxIndex
    directory: ReceiveDirectory
    queue: LetterQueue
    refusal: type[Exception]
    times_of: Callable[[str], tuple[datetime, datetime]]


def memory() -> OpenStore:
    store = MemoryStore()
    return OpenStore(
        uow=store.uow,
        nonces=store.nonces,
        index=store.index,
        directory=store.index,
        queue=store.index,
        refusal=ConstraintBroken,
        times_of=lambda login: store.tables.users_written[login],
    )


@asynccontextmanager
async def sqlite(folder: Path, clock: FakeClock) -> AsyncIterator[OpenStore]:
    async with opened(folder, clock) as store:
        yield OpenStore(
            uow=store.uow,
            nonces=store.nonces,
            index=store.index,
            directory=store.index,
            queue=store.index,
            refusal=IntegrityError,
            times_of=lambda login: _times_of(folder / "lookup.db", login),
        )


@asynccontextmanager
async def opened(folder: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    """Open the two files of a folder."""
    async with open_sqlite(folder / "keypost.db", folder / "lookup.db", clock=clock) as store:
        yield store


def migrated(folder: Path) -> Path:
    """Make the two files in a folder."""
    migrate.upgrade(folder / "keypost.db", folder / "lookup.db")
    return folder


def copied(template: Path, folder: Path) -> Path:
    """Copy two migrated files, which is quicker than to migrate."""
    for name in ("keypost.db", "lookup.db"):
        shutil.copy(template / name, folder / name)
    return folder


def _times_of(lookup: Path, login: str) -> tuple[datetime, datetime]:
    query = "SELECT created_at, updated_at FROM mail_users WHERE login = ?"
    with closing(sqlite3.connect(lookup)) as connection:
        created, updated = connection.execute(query, (login,)).fetchone()
    return datetime.fromtimestamp(created, UTC), datetime.fromtimestamp(updated, UTC)
