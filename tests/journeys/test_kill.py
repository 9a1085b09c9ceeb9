"""kill -9 in the middle of the walk: what was acknowledged is there after the next start."""

import imaplib
import json
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from bench.server import Ports, running

# Where in the walk the server is killed: right after it has shown this.
MOMENTS = [
    "An agent claims",
    "the mailbox waits for its payment",
    "gets a letter",
    "Somebody opens the link",
    '"status": "paid"',
    "The key opens the mailbox",
    "A shop sends a code",
    "> DATA",
    "the code that was sent",
    "The agent reads it over HTTP",
    "and over IMAP on",
]


def walk(folder: Path, ports: Ports, until: str) -> list[str]:
    """Start the walk, kill it at a moment, and return what it has shown."""
    with subprocess.Popen(
        [sys.executable, "-m", "keypostd", "up"],
        env=ports.environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        shown = list(_lines_until(process.stdout, until))
        process.send_signal(signal.SIGKILL)
    return shown


def _lines_until(stream: IO[str], until: str) -> list[str]:
    shown: list[str] = []
    for line in stream:
        shown.append(line)
        if until in line:
            return shown
        if "Ctrl-C stops it" in line:
            break
    pytest.fail(f"the walk ended before {until!r}:\n" + "".join(shown))


def test_nothing_acknowledged_is_lost_whenever_the_power_goes(tmp_path: Path) -> None:
    folder, ports = tmp_path / "var", Ports.free()

    shown = [line for moment in MOMENTS for line in walk(folder, ports, moment)]

    with running(folder, ports):
        assert_books_agree(folder)
        codes = set(re.findall(r"the code that was sent: (\d{6})", "".join(shown)))
        assert codes <= set(codes_in_mailbox(folder, ports)), "an accepted mail is gone"
    assert len(mailbox_ids(shown)) == 1
    assert len(list((folder / "letters").glob("*.eml"))) == 1, "one claim, one letter"


def mailbox_ids(shown: list[str]) -> set[str]:
    return set(re.findall(r'"mailbox_id": "([^"]+)"', "".join(shown)))


def assert_books_agree(folder: Path) -> None:
    """Paid at the provider, credited, active and provisioned are the same thing."""
    paid = [
        books
        for books in map(json.loads, map(Path.read_text, (folder / "mock-checkout").iterdir()))
        if "paid_at" in books
    ]
    with sqlite3.connect(folder / "keypost.db") as database:
        database.execute("ATTACH DATABASE ? AS lookup", (str(folder / "lookup.db"),))
        [[credited]] = database.execute("SELECT count(*) FROM payments")
        [[active]] = database.execute("SELECT count(*) FROM mailboxes WHERE paid_until IS NOT NULL")
        [[provisioned]] = database.execute(
            "SELECT count(*) FROM lookup.mail_users WHERE enabled AND valid_until > unixepoch()"
        )
    database.close()
    assert (len(paid), credited, active, provisioned) == (1, 1, 1, 1)


def codes_in_mailbox(folder: Path, ports: Ports) -> list[str]:
    """Read every mail of the walk's agent over IMAP."""
    access = subprocess.run(
        [sys.executable, "-m", "keypost_client", "access", "--json"],
        env={**ports.environment(folder), "HOME": str(folder / "agent"), "KEYPOST_URL": ports.url},
        capture_output=True,
        check=True,
    )
    details = json.loads(access.stdout)
    with imaplib.IMAP4("127.0.0.1", ports.imap) as imap:
        imap.login(details["username"], details["password"])
        imap.select("INBOX", readonly=True)
        _, parts = imap.fetch("1:*", "(BODY.PEEK[])")
    mails = "".join(part[1].decode() for part in parts if isinstance(part, tuple))
    return re.findall(r"your sign-in code is (\d{6})", mails)
