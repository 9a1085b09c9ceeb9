"""What only SQLite can get wrong: two files, several processes, locks, and a disk."""

import asyncio
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiosqlite
import pytest
from sqlalchemy import event

from contracts.stores import copied, migrated, opened
from fakes import things
from fakes.clock import NOON, FakeClock
from keypost.errors import ChallengeUsed, StoreBusy, StoreFailing
from keypost.letters import LetterState
from keypost.mailbox import Mailbox
from keypost_adapters.store import turn
from keypost_adapters.store.dialect import set_up_connection
from keypost_adapters.store.hot_path import SqliteNonceStore
from keypost_adapters.store.sqlite import SqliteStore, open_sqlite
from keypost_adapters.store.turn import WriteTurn

SOON = NOON + timedelta(seconds=35)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(folder: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    async with opened(folder, clock) as opened_store:
        yield opened_store


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def put(store: SqliteStore, mailbox: Mailbox, *, digest: str = "digest") -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(mailbox, token_digest=digest)
        await tx.commit()


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Hold the write lock, as another process would."""
    path = folder / "keypost.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


# --- restarts -----------------------------------------------------------------


async def test_a_used_nonce_survives_a_restart(folder: Path, clock: FakeClock) -> None:
    async with opened(folder, clock) as before:
        await before.nonces.consume("outside", expires_at=SOON)
        async with before.uow() as tx:
            await tx.nonces.consume("inside", expires_at=SOON)
            await tx.commit()
    async with opened(folder, clock) as after:
        for nonce in ("outside", "inside"):
            with pytest.raises(ChallengeUsed):
                await after.nonces.consume(nonce, expires_at=SOON)


async def test_everything_survives_a_restart(folder: Path, clock: FakeClock) -> None:
    async with opened(folder, clock) as before:
        await put(before, things.mailbox())
        async with before.uow() as tx:
            await tx.receiving.put_domain("keypost.example")
            await tx.receiving.put(things.mail_user(), now=NOON)
            await tx.commit()
    async with opened(folder, clock) as after:
        assert await after.index.held_by("SHA256:1") == things.mailbox()
        assert await after.index.by_login("mbx_1") == things.mail_user()


async def test_closing_finishes_the_nonces_that_wait(folder: Path, clock: FakeClock) -> None:
    async with opened(folder, clock) as before:
        waiting = [
            asyncio.create_task(before.nonces.consume(str(number), expires_at=SOON))
            for number in range(20)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)


# --- nonces are forgotten only when they may be ---------------------------------


def nonces_in(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "keypost.db")) as connection:
        return {nonce for (nonce,) in connection.execute("SELECT nonce FROM nonces")}


async def test_expired_nonces_are_cleared_away(
    store: SqliteStore, folder: Path, clock: FakeClock
) -> None:
    await store.nonces.consume("old", expires_at=SOON)
    clock.now = SOON + timedelta(minutes=2)
    await store.nonces.consume("new", expires_at=clock() + timedelta(seconds=35))
    async with store.uow():  # its turn comes when the nonces' is over
        assert nonces_in(folder) == {"new"}


async def test_a_nonce_that_has_not_expired_is_kept(
    store: SqliteStore, folder: Path, clock: FakeClock
) -> None:
    late = NOON + timedelta(minutes=5)
    await store.nonces.consume("kept", expires_at=late)
    clock.now = late
    await store.nonces.consume("new", expires_at=late)
    assert nonces_in(folder) == {"kept", "new"}


# --- two stores on the same files, as in two processes ----------------------------


async def test_two_stores_racing_for_a_nonce_have_one_winner(
    folder: Path, clock: FakeClock
) -> None:
    async with opened(folder, clock) as one, opened(folder, clock) as two:
        for number in range(20):
            calls = (
                store.nonces.consume(str(number), expires_at=SOON) for store in (one, two, one)
            )
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert outcomes.count(None) == 1
            assert sum(isinstance(each, ChallengeUsed) for each in outcomes) == 2


async def test_two_stores_lose_no_change(folder: Path, clock: FakeClock) -> None:
    day = timedelta(days=1)

    async def add_a_day(store: SqliteStore) -> None:
        async with store.uow() as tx:
            mailbox = await tx.mailboxes.get("mailbox-1")
            assert mailbox.paid_until is not None
            await asyncio.sleep(0)
            await tx.mailboxes.update(mailbox.paid(mailbox.paid_until + day))
            await tx.commit()

    async with opened(folder, clock) as one, opened(folder, clock) as two:
        await put(one, things.mailbox().paid(NOON))
        await asyncio.gather(*(add_a_day(store) for store in (one, two) * 10))
        mailbox = await one.index.held_by("SHA256:1")
        assert mailbox is not None
        assert mailbox.paid_until == NOON + 20 * day


async def test_what_one_store_committed_the_other_finds(folder: Path, clock: FakeClock) -> None:
    async with opened(folder, clock) as one, opened(folder, clock) as two:
        assert await two.index.held_by("SHA256:1") is None
        await put(one, things.mailbox())
        assert await two.index.held_by("SHA256:1") == things.mailbox()


# --- locks --------------------------------------------------------------------


def with_pragma(store: SqliteStore, pragma: str) -> None:
    """Set up the transactions' connection with one more pragma; it is made at first use."""

    @event.listens_for(store.uow.engine.sync_engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def with_little_patience(store: SqliteStore, milliseconds: int = 20) -> None:
    """Wait for other processes' locks for less than 5 s."""
    with_pragma(store, f"busy_timeout = {milliseconds}")


async def test_a_locked_database_is_busy(store: SqliteStore, folder: Path) -> None:
    with_little_patience(store)
    with write_lock(folder), pytest.raises(StoreBusy):
        await put(store, things.mailbox())
    await put(store, things.mailbox())  # and comes back by itself


async def test_a_locked_database_is_busy_for_nonces(folder: Path, clock: FakeClock) -> None:
    path = folder / "keypost.db"
    async with aiosqlite.connect(path, isolation_level=None, timeout=0.02) as connection:
        nonces = SqliteNonceStore(connection, writing=WriteTurn(), clock=clock)
        with write_lock(folder):
            calls = (nonces.consume(str(number), expires_at=SOON) for number in range(3))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(each) for each in outcomes] == [StoreBusy] * 3
        await nonces.consume("1", expires_at=SOON)  # it was not used up


async def test_all_who_wait_behind_a_locked_database_hear_of_it_within_one_patience(
    store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_PATIENCE_SECONDS", 0.2)
    with_little_patience(store, milliseconds=300)
    with write_lock(folder):
        before = time.monotonic()
        calls = (put(store, things.mailbox(number)) for number in range(10))
        nonce = store.nonces.consume("nonce", expires_at=SOON)
        outcomes = await asyncio.gather(*calls, nonce, return_exceptions=True)
        took = time.monotonic() - before
    assert [type(each) for each in outcomes] == [StoreBusy] * 11
    assert took < 2  # one after the other would be more than ten times 300 ms
    await put(store, things.mailbox())
    await store.nonces.consume("nonce", expires_at=SOON)


async def test_a_turn_is_passed_on_in_order_and_given_back_after_an_error() -> None:
    writing, order = WriteTurn(), []

    async def write(number: int) -> None:
        async with writing():
            order.append(number)
            await asyncio.sleep(0)
            raise ZeroDivisionError

    await asyncio.gather(*(write(number) for number in range(5)), return_exceptions=True)
    assert order == [0, 1, 2, 3, 4]


# --- the disk -----------------------------------------------------------------


async def write_a_lot(store: SqliteStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox(), token_digest="x" * 1_000_000)
        await tx.commit()


async def test_a_full_disk_is_a_store_that_fails(store: SqliteStore) -> None:
    with_pragma(store, "main.max_page_count = 1")  # no less than what is there already
    with pytest.raises(StoreFailing):
        await write_a_lot(store)
    assert await store.index.held_by("SHA256:1") is None


async def test_a_readonly_database_is_a_store_that_fails(store: SqliteStore) -> None:
    with_pragma(store, "query_only = 1")
    with pytest.raises(StoreFailing):
        await put(store, things.mailbox())
    assert await store.index.held_by("SHA256:1") is None


async def test_nonces_tell_that_the_store_fails(folder: Path, clock: FakeClock) -> None:
    path = folder / "keypost.db"
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        nonces = SqliteNonceStore(connection, writing=WriteTurn(), clock=clock)
        await connection.execute_fetchall("PRAGMA query_only = 1")
        calls = (nonces.consume(str(number), expires_at=SOON) for number in range(3))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in outcomes] == [StoreFailing] * 3
        await connection.execute_fetchall("PRAGMA query_only = 0")
        await nonces.consume("1", expires_at=SOON)


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_FULL, StoreFailing),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreFailing),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreFailing),
        (sqlite3.SQLITE_CANTOPEN, StoreFailing),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, type(None)),
        (sqlite3.SQLITE_ERROR, type(None)),
    ],
)
def test_what_an_error_of_sqlites_means_follows_from_its_code(code: int, fact: type) -> None:
    error = sqlite3.OperationalError("database is locked, or so it says")
    assert turn.fact_of(error) is None
    error.sqlite_errorcode = code
    assert type(turn.fact_of(error)) is fact


async def test_readers_do_not_wait_for_a_writer(store: SqliteStore, folder: Path) -> None:
    await put(store, things.mailbox())
    async with asyncio.timeout(10), store.uow() as tx:
        await tx.mailboxes.update(things.mailbox().paid(NOON))
        await tx.receiving.put_domain("keypost.example")
        assert await store.index.held_by("SHA256:1") == things.mailbox()
        assert not await store.index.serves("keypost.example")
        with closing(sqlite3.connect(folder / "lookup.db", timeout=0)) as daemon:
            assert daemon.execute("SELECT count(*) FROM mail_domains").fetchone() == (0,)


async def test_a_writer_does_not_wait_for_a_reader(store: SqliteStore, folder: Path) -> None:
    with_little_patience(store)
    with closing(sqlite3.connect(folder / "lookup.db", isolation_level=None)) as daemon:
        daemon.execute("BEGIN")
        daemon.execute("SELECT count(*) FROM mail_domains").fetchone()
        async with store.uow() as tx:
            await tx.receiving.put_domain("keypost.example")
            await tx.commit()
        assert await store.index.serves("keypost.example")
        daemon.execute("ROLLBACK")


async def test_a_transaction_holds_the_write_lock_from_its_first_read(
    store: SqliteStore, folder: Path
) -> None:
    async with store.uow() as tx:
        assert await tx.mailboxes.held_by("SHA256:1") is None
        with (
            closing(sqlite3.connect(folder / "keypost.db", timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")


# --- settings -----------------------------------------------------------------


async def pragma(store: SqliteStore, name: str) -> object:
    async with store.uow.engine.connect() as connection:
        return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()


@pytest.mark.parametrize("file", ["main", "lookup"])
async def test_both_files_are_written_ahead_and_synced_in_full(
    store: SqliteStore, file: str
) -> None:
    assert await pragma(store, f"{file}.journal_mode") == "wal"
    assert await pragma(store, f"{file}.synchronous") == 2


async def test_a_lock_is_waited_for_and_foreign_keys_hold(store: SqliteStore) -> None:
    assert await pragma(store, "busy_timeout") == 5000
    assert await pragma(store, "foreign_keys") == 1


async def test_the_hot_paths_connection_is_set_up_alike(folder: Path) -> None:
    async with aiosqlite.connect(folder / "keypost.db", isolation_level=None) as connection:
        for statement in set_up_connection(folder / "lookup.db"):
            await connection.execute_fetchall(statement)
        for name in ("main.synchronous", "lookup.synchronous"):
            assert [tuple(row) for row in await connection.execute_fetchall(f"PRAGMA {name}")] == [
                (2,)
            ]


def test_a_quote_in_a_path_stays_in_the_path() -> None:
    statements = set_up_connection(Path("/tmp/it's/lookup.db"))  # noqa: S108 - only a text
    assert "ATTACH DATABASE '/tmp/it''s/lookup.db' AS lookup" in statements


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    migrated(tmp_path)
    assert stat.S_IMODE((tmp_path / "keypost.db").stat().st_mode) == 0o600


async def test_what_sqlite_puts_beside_it_is_for_its_owner_only(
    store: SqliteStore, folder: Path
) -> None:
    (folder / "keypost.db").chmod(0o600)
    await put(store, things.mailbox())
    beside = names_in(folder) - {"keypost.db", "lookup.db", "lookup.db-wal", "lookup.db-shm"}
    assert beside == {"keypost.db-wal", "keypost.db-shm"}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in beside} == {0o600}


# --- the two ways of reading --------------------------------------------------


async def test_hot_path_and_session_give_equal_objects(store: SqliteStore) -> None:
    mailbox = things.mailbox().paid(NOON + timedelta(microseconds=7))
    checkout = things.checkout().opened(things.session())
    await put(store, mailbox, digest="digest")
    async with store.uow() as tx:
        await tx.checkouts.add(checkout)
        await tx.commit()
    async with store.uow() as tx:
        assert await tx.mailboxes.held_by(mailbox.holder) == mailbox
        assert await tx.checkouts.unsettled(mailbox.id) == checkout
    assert await store.index.held_by(mailbox.holder) == mailbox
    assert await store.index.with_token("digest") == mailbox
    assert await store.index.open_checkout(mailbox.id) == checkout


async def test_a_time_without_a_zone_is_refused(store: SqliteStore) -> None:
    naive = things.mailbox().paid(NOON.replace(tzinfo=None))
    with pytest.raises(Exception, match="without a zone"):
        await put(store, naive)
    await put(store, things.mailbox())


async def test_a_letter_in_a_commit_is_told_of_after_it(folder: Path, clock: FakeClock) -> None:
    told: list[None] = []
    database, lookup = folder / "keypost.db", folder / "lookup.db"
    async with open_sqlite(
        database, lookup, clock=clock, letter_owed=lambda: told.append(None)
    ) as store:
        await put(store, things.mailbox())
        async with store.uow() as tx:
            await tx.outbox.add(things.letter(1))
        assert told == []  # neither without a letter nor without a commit
        async with store.uow() as tx:
            await tx.outbox.add(things.letter(1))
            assert told == []
            await tx.commit()
            assert told == [None]


async def test_letters_of_a_kind_that_only_a_later_version_knows_wait_for_it(
    store: SqliteStore, folder: Path
) -> None:
    await put(store, things.mailbox())
    async with store.uow() as tx:
        await tx.outbox.add(things.letter(1))
        await tx.outbox.add(things.letter(2))
        await tx.commit()
    with closing(sqlite3.connect(folder / "keypost.db")) as later, later:
        later.execute("UPDATE outbox SET kind = 'birthday_wish' WHERE id = 'letter-1'")
    async with store.uow() as tx:
        assert await tx.outbox.due(SOON, limit=20) == [things.letter(2)]
        assert await tx.outbox.waiting("mailbox-1") == [things.letter(2)]


async def test_the_queue_is_watched_without_a_turn_to_write(store: SqliteStore) -> None:
    await put(store, things.mailbox())
    async with store.uow() as tx:
        await tx.outbox.add(replace(things.letter(1), state=LetterState.DEAD))
        await tx.outbox.add(things.letter(2))
        await tx.commit()
    async with asyncio.timeout(10), store.uow():
        assert await store.index.oldest_untried_letter() == things.letter(2).due_at
        assert await store.index.most_attempts() == 0
        assert await store.index.revision()


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        "a b",
        "a#b",
        "ąč",
        "50%20",
        "what?",
    ],
)
async def test_any_folder_will_do(tmp_path: Path, clock: FakeClock, name: str) -> None:
    folder = migrated(tmp_path / name)
    async with opened(folder, clock) as store:
        await put(store, things.mailbox())
        assert await store.index.held_by("SHA256:1") == things.mailbox()
    assert names_in(tmp_path) == {name}
    assert {"keypost.db", "lookup.db"} <= names_in(folder)
