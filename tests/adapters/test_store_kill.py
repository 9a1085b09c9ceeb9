"""Real processes on the same files: one is killed, two race."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.stores import migrated

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
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [number for process in processes for number in line_of(process).split()]
    assert sorted(won, key=int) == [str(number) for number in range(50)]
