"""Real processes on the same files: one is killed, two race, one holds the lock."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.stores import migrated, opened
from fakes import things
from fakes.clock import NOON, FakeClock

ROOT = Path(__file__).parents[2]

PRELUDE = """
import asyncio, sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
sys.path[:0] = {paths!r}
from contracts.stores import opened
from fakes import things
from fakes.clock import NOON, FakeClock
from keypost.errors import ChallengeUsed

def say(*words):
    print(*words, flush=True)
"""

COMMITTING = """
async def main():
    async with opened(Path(sys.argv[1]), FakeClock()) as store:
        for number in range(1, 1_000_000):
            async with store.uow() as tx:
                await tx.mailboxes.add(things.mailbox(number), token_digest=str(number))
                await tx.outbox.add(things.letter(number, of=things.mailbox(number)))
                await tx.receiving.put(things.mail_user(f"mbx_{number}"), now=NOON)
                await tx.commit()
            await store.nonces.consume(str(number), expires_at=NOON + timedelta(days=1))
            say(number)

asyncio.run(main())
"""

# What may be asked of the files while they are open must not give up SQLite's locks on them.
ASKING = """
from keypost_adapters.store import migrate

async def main():
    folder = Path(sys.argv[1])
    async with opened(folder, FakeClock()) as store:
        async with store.uow() as tx:
            await tx.mailboxes.add(things.mailbox(1), token_digest="1")
            await tx.commit()
        migrate.upgrade(folder / "keypost.db", folder / "lookup.db")
        assert await store.index.revision() == migrate.newest_revision()
        say("asked")
        sys.stdin.readline()
        async with store.uow() as tx:
            await tx.mailboxes.add(things.mailbox(2), token_digest="2")
            await tx.receiving.put(things.mail_user("mbx_2"), now=NOON)
            await tx.commit()
        await store.nonces.consume("nonce", expires_at=NOON + timedelta(days=1))
        say("committed")
        sys.stdin.readline()

asyncio.run(main())
"""

HOLDING = """
import sqlite3
connection = sqlite3.connect(Path(sys.argv[1]) / "keypost.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
say("holding")
sys.stdin.readline()
"""

LOOKING = """
import sqlite3
for name in ("keypost.db", "lookup.db"):
    connection = sqlite3.connect(Path(sys.argv[1]) / name)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    connection.close()  # the last one to leave would take the write-ahead log along
say("looked")
"""

RACING = """
async def main():
    async with opened(Path(sys.argv[1]), FakeClock()) as store:
        say("ready")
        sys.stdin.readline()
        won = []
        for number in range(50):
            try:
                await store.nonces.consume(str(number), expires_at=NOON + timedelta(days=1))
            except ChallengeUsed:
                continue
            won.append(number)
        say(*won)

asyncio.run(main())
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    paths = [str(ROOT / name) for name in ("tests", "src", "adapters")]
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE.format(paths=paths) + program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def column(path: Path, query: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute(query)]


def test_what_was_acknowledged_is_there_after_kill_9(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = migrated(tmp_path)
    process = start(COMMITTING, folder)
    processes.append(process)
    for _ in range(30):
        assert line_of(process)
    process.kill()
    rest, _ = process.communicate()
    last = max([30, *(int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n"))])
    acknowledged = {str(number) for number in range(1, last + 1)}
    database, lookup = folder / "keypost.db", folder / "lookup.db"
    for path in (database, lookup):
        assert column(path, "PRAGMA integrity_check") == ["ok"]
    mailboxes = column(database, "SELECT token_digest FROM mailboxes")
    assert acknowledged <= set(mailboxes)
    assert len(mailboxes) <= last + 1  # at most the one that was under way
    assert acknowledged <= set(column(database, "SELECT nonce FROM nonces"))
    assert len(column(database, "SELECT id FROM outbox")) == len(mailboxes)
    logins = set(column(lookup, "SELECT login FROM mail_users"))
    assert {f"mbx_{number}" for number in acknowledged} <= logins
    assert column(database, "PRAGMA foreign_key_check") == []


def test_of_two_processes_racing_for_a_nonce_one_wins(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = migrated(tmp_path)
    processes.extend(start(RACING, folder) for _ in range(2))
    for process in processes:
        assert line_of(process) == "ready\n"
    for process in processes:
        go_on(process)
    won = [number for process in processes for number in line_of(process).split()]
    assert sorted(won, key=int) == [str(number) for number in range(50)]


def test_asking_about_an_open_store_does_not_cost_what_it_commits_after(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = migrated(tmp_path)
    processes.append(start(ASKING, folder))
    assert line_of(processes[0]) == "asked\n"
    processes.append(start(LOOKING, folder))
    assert line_of(processes[1]) == "looked\n"
    processes[1].wait(timeout=30)
    go_on(processes[0])
    assert line_of(processes[0]) == "committed\n"
    processes[0].kill()
    processes[0].communicate()
    database, lookup = folder / "keypost.db", folder / "lookup.db"
    assert column(database, "SELECT token_digest FROM mailboxes ORDER BY 1") == ["1", "2"]
    assert column(database, "SELECT nonce FROM nonces") == ["nonce"]
    assert column(lookup, "SELECT login FROM mail_users") == ["mbx_2"]


async def test_look_ups_answer_while_another_process_holds_the_write_lock(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = migrated(tmp_path)
    async with opened(folder, FakeClock()) as store:
        async with store.uow() as tx:
            await tx.mailboxes.add(things.mailbox(), token_digest="digest")
            await tx.checkouts.add(things.checkout().opened(things.session()))
            await tx.receiving.put_domain("keypost.example")
            await tx.receiving.put(things.mail_user(), now=NOON)
            await tx.commit()
        processes.append(start(HOLDING, folder))
        assert line_of(processes[0]) == "holding\n"
        waiting = asyncio.create_task(store.nonces.consume("nonce", expires_at=NOON))
        async with asyncio.timeout(3):  # less than the patience of those who write
            assert await store.index.held_by("SHA256:1") == things.mailbox()
            assert await store.index.with_token("digest") == things.mailbox()
            assert await store.index.open_checkout("mailbox-1") is not None
            assert await store.index.by_login("mbx_1") == things.mail_user()
            assert await store.index.serves("keypost.example")
            assert await store.index.revision()
        assert not waiting.done()
        go_on(processes[0])
        await asyncio.wait_for(waiting, timeout=10)
