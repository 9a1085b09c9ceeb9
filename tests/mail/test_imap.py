"""What a mail client sees, line by line."""

import asyncio
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.directory import MemoryDirectory
from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import MovableClock
from mail.wire import connected, logged_in, send

REFUSED = "t NO [AUTHENTICATIONFAILED] Invalid authentication credentials."


@pytest.mark.parametrize("login", ["mbx_open", "mbx_open@mail.local", "MBX_OPEN@Mail.Local"])
async def test_the_username_and_the_whole_address_open(stack: ReceiveStack, login: str) -> None:
    async with logged_in(stack, login) as wire:
        assert (await wire.imap("SELECT INBOX"))[-1].startswith("t OK [READ-WRITE]")


@pytest.mark.parametrize(
    "arguments",
    [
        'mbx_open "wrong"',
        'mbx_open@elsewhere.test "correct horse"',
        'mbx_ope "correct horse"',
        'mbx_nobody "correct horse"',
        'mbx_grace "correct horse"',
        'mbx_closed "correct horse"',
        'mbx_open ""',
    ],
)
async def test_every_failed_login_is_refused_in_the_same_words(
    stack: ReceiveStack, arguments: str
) -> None:
    async with connected(stack.imap_port) as wire:
        assert await wire.imap(f"LOGIN {arguments}") == [REFUSED]


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("AG1ieF9vcGVuAGNvcnJlY3QgaG9yc2U=", "t OK"),  # \0mbx_open\0correct horse
        ("bWJ4X290aGVyAG1ieF9vcGVuAGNvcnJlY3QgaG9yc2U=", REFUSED),  # for mbx_other
        ("AG1ieF9vcGVuAHdyb25n", REFUSED),
        ("!!!", "t BAD"),
    ],
)
async def test_authenticate_plain_opens_as_login_does(
    stack: ReceiveStack, token: str, answer: str
) -> None:
    async with connected(stack.imap_port) as wire:
        assert await wire.imap("AUTHENTICATE PLAIN") == ["+ "]
        await wire.send(token.encode() + b"\r\n")
        assert (await wire.line()).startswith(answer)


async def test_a_failing_look_up_is_not_a_wrong_password(
    stack: ReceiveStack, directory: MemoryDirectory
) -> None:
    directory.is_broken = True
    async with connected(stack.imap_port) as wire:
        (answer,) = await wire.imap('LOGIN mbx_open "correct horse"')
        assert answer.startswith("t NO [UNAVAILABLE]")


async def test_a_failing_look_up_does_not_end_a_waiting_session(
    stack: ReceiveStack, directory: MemoryDirectory
) -> None:
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(b"t IDLE\r\n")
        await wire.line()
        asked = directory.asked
        directory.is_broken = True
        while directory.asked == asked:
            await asyncio.sleep(0.01)
        directory.is_broken = False
        await send(stack, b"a: 1\r\n")
        assert await wire.line() == "* 1 EXISTS"


async def test_an_expired_session_is_ended_at_its_next_command(
    stack: ReceiveStack, clock: MovableClock
) -> None:
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        clock.now += timedelta(days=31)
        lines = await wire.imap("NOOP")
        assert lines[0].startswith("* BYE")
        assert lines[-1].startswith("t NO [EXPIRED]")
        assert await wire.rest() == b""


async def test_a_session_goes_on_when_the_mailbox_is_renewed_in_time(
    stack: ReceiveStack, clock: MovableClock, directory: MemoryDirectory
) -> None:
    async with logged_in(stack) as wire:
        clock.now += timedelta(days=31)
        directory.change("mbx_open", valid_until=clock.now + timedelta(days=30))
        assert (await wire.imap("NOOP"))[-1].startswith("t OK")


@pytest.mark.parametrize("change", ["expiry", "revocation", "removal"])
async def test_a_waiting_session_is_ended_when_its_mailbox_closes(
    stack: ReceiveStack, clock: MovableClock, directory: MemoryDirectory, change: str
) -> None:
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(b"t IDLE\r\n")
        assert (await wire.line()).startswith("+")
        if change == "expiry":
            clock.now += timedelta(days=31)
        elif change == "revocation":
            directory.change("mbx_open", password="{SHA512.HEX}00")
        else:
            directory.remove("mbx_open")
        assert (await wire.line()).startswith("* BYE")


async def test_fetched_bytes_are_the_files_bytes(stack: ReceiveStack, inbox: Path) -> None:
    letter = b"Subject: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\nnul \0\r\n" + b"l" * 99_000
    await send(stack, letter + b"\r\n")
    (file,) = inbox.glob("new/*")
    content = file.read_bytes()
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
        await wire.send(b"t UID FETCH 1 (RFC822.SIZE BODY.PEEK[])\r\n")
        size = len(content)
        head = f"* 1 FETCH (RFC822.SIZE {size} BODY[] {{{size}}}"
        assert (await wire.line()).startswith(head[:30])
        assert await wire.reader.readexactly(size) == content


async def test_uids_flags_and_validity_survive_a_restart(
    start: Callable[[], ReceiveStack], clock: MovableClock
) -> None:
    async with start() as stack:
        for _ in range(4):
            await send(stack, b"a: b\r\n")
        async with logged_in(stack) as wire:
            before = await wire.imap("SELECT INBOX")
            await wire.imap("STORE 2 +FLAGS (\\Flagged \\Answered \\Draft \\Seen)")
            await wire.imap("STORE 1,4 +FLAGS.SILENT (\\Deleted)")
            assert [line for line in await wire.imap("EXPUNGE") if "EXPUNGE" in line][:2] == [
                "* 4 EXPUNGE",
                "* 1 EXPUNGE",
            ]
    clock.now += timedelta(days=1)
    async with start() as stack:
        await send(stack, b"a: b\r\n")
        async with logged_in(stack) as wire:
            after = await wire.imap("SELECT INBOX")
            lines = await wire.imap("UID FETCH 1:* (FLAGS)")
    validity = next(line for line in before if "UIDVALIDITY" in line)
    assert validity in after
    assert sorted(lines)[:3] == [
        "* 1 FETCH (FLAGS (\\Answered \\Draft \\Flagged \\Seen) UID 2)",
        "* 2 FETCH (FLAGS () UID 3)",
        "* 3 FETCH (FLAGS (\\Recent) UID 5)",
    ]


async def test_peeking_leaves_flags_alone_and_reading_marks(stack: ReceiveStack) -> None:
    await send(stack, b"Subject: x\r\n\r\nbody\r\n")
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.imap("FETCH 1 (BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (Subject)] ENVELOPE)")
        assert (await wire.imap("SEARCH UNSEEN"))[0] == "* SEARCH 1"
        await wire.imap("FETCH 1 BODY[TEXT]")
        assert (await wire.imap("SEARCH UNSEEN"))[0] == "* SEARCH"
        assert (await wire.imap("UID SEARCH SEEN"))[0] == "* SEARCH 1"


async def test_examine_changes_nothing(stack: ReceiveStack, inbox: Path) -> None:
    await send(stack, b"Subject: x\r\n\r\nbody\r\n")
    async with logged_in(stack) as wire:
        assert (await wire.imap("EXAMINE INBOX"))[-1].startswith("t OK [READ-ONLY]")
        await wire.imap("FETCH 1 BODY[]")
        assert (await wire.imap("STORE 1 +FLAGS (\\Deleted)"))[-1].startswith("t NO [READ-ONLY]")
        assert (await wire.imap("EXPUNGE"))[-1].startswith("t NO [READ-ONLY]")
        assert (await wire.imap("CLOSE"))[-1].startswith("t OK")
    (file,) = inbox.glob("*/*,S=*")
    assert file.parent.name == "new"


async def test_header_fields_come_in_any_case_and_folded(stack: ReceiveStack) -> None:
    await send(stack, b"SUBJECT: one\r\n two\r\nFrom: a@b.test\r\nX: y\r\n\r\nbody\r\n")
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
        lines = await wire.imap("FETCH 1 BODY.PEEK[HEADER.FIELDS (subject FROM)]")
    assert lines[1:5] == ["SUBJECT: one", " two", "From: a@b.test", ""]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("ALL", "1 2"),
        ("SUBJECT invoice", "1"),
        ("SUBJECT rechnüng", "2"),
        ("FROM ann@", "1"),
        ("HEADER X-Kind special", "2"),
        ("BODY paid", "1"),
        ("BODY größe", "2"),
        ("TEXT away.test", "1 2"),
        ("OR SUBJECT invoice SUBJECT nothing", "1"),
        ("NOT SUBJECT invoice", "2"),
        ("SINCE 4-May-2026", "1 2"),
        ("BEFORE 4-May-2026", ""),
        ("SENTON 1-May-2026", "1"),
        ("LARGER 100000", ""),
        ("UID 2:*", "2"),
        ("KEYWORD foo", ""),
    ],
)
async def test_searching_finds(stack: ReceiveStack, key: str, found: str) -> None:
    await send(
        stack,
        b"Subject: Your invoice\r\nFrom: Ann <ann@shop.test>\r\n"
        b"Date: Fri, 1 May 2026 10:00:00 +0000\r\n\r\nTo be PAID.\r\n",
    )
    await send(
        stack,
        b"Subject: =?utf-8?q?Rechn=C3=BCng?=\r\nX-Kind: special\r\nDate: nonsense\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
        b"\r\nR3LDtsOfZQ==\r\n",
    )
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
        lines = await wire.imap(
            f"SEARCH CHARSET UTF-8 {key}" if key.isascii() else key_literal(key)
        )
    assert lines[0] == f"* SEARCH {found}".strip()


def key_literal(key: str) -> str:
    name, word = key.split(" ")
    return f"SEARCH CHARSET UTF-8 {name} {{{len(word.encode())}+}}\r\n{word}"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("CREATE Archive", "t NO"),
        ("DELETE Archive", "t NO"),
        ("RENAME INBOX Archive", "t NO"),
        ("SELECT Archive", "t NO [NONEXISTENT]"),
        ("APPEND INBOX {5}", "t NO [CANNOT]"),
        ("COPY 1 Archive", "t BAD"),
        ("STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)", "t OK"),
        ("SUBSCRIBE INBOX", "t OK"),
        ('LSUB "" "*"', "t OK"),
        ("ID NIL", "t OK"),
        ("NONSENSE", "t BAD"),
        ('LIST "" "' + "*%" * 5000 + 'x"', "t OK"),
    ],
)
async def test_there_is_inbox_and_nothing_else(
    stack: ReceiveStack, command: str, answer: str
) -> None:
    async with logged_in(stack) as wire:
        assert (await wire.imap(command))[-1].startswith(answer)


async def test_changes_by_another_program_show_at_the_next_command(
    stack: ReceiveStack, inbox: Path
) -> None:
    await send(stack, b"a: 1\r\n")
    await send(stack, b"a: 2\r\n")
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        first, second = sorted((inbox / "cur").iterdir(), key=lambda path: path.stat().st_ino)
        first.rename(f"{first}F")
        second.unlink()
        (inbox / "new" / "1777900000.unix-names.host").write_bytes(b"a: 3\n\nline\n")
        lines = await wire.imap("NOOP")
        assert "* 2 EXPUNGE" in lines
        assert "* 2 EXISTS" in lines
        assert any("FLAGS (\\Flagged" in line for line in lines)
        # A file with bare LF, as Dovecot stores it, is sent with CRLF.
        assert (await wire.imap("FETCH 2 (RFC822.SIZE)"))[0] == "* 2 FETCH (RFC822.SIZE 14)"
        assert (await wire.imap("UID FETCH 3 (BODY.PEEK[TEXT])"))[1] == "line"


async def test_a_message_that_vanishes_is_empty_not_fatal(stack: ReceiveStack, inbox: Path) -> None:
    await send(stack, b"a: 1\r\n")
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        for file in (inbox / "cur").iterdir():
            file.unlink()
        assert (await wire.imap("FETCH 1 (BODY.PEEK[] RFC822.SIZE)"))[-1].startswith("t OK")
        assert (await wire.imap("NOOP"))[-1].startswith("t OK")


async def test_two_sessions_see_each_others_changes(stack: ReceiveStack) -> None:
    await send(stack, b"a: 1\r\n")
    async with logged_in(stack) as one, logged_in(stack) as two:
        await one.imap("SELECT INBOX")
        await two.imap("SELECT INBOX")
        await one.imap("STORE 1 +FLAGS (\\Deleted)")
        assert any("\\Deleted" in line for line in await two.imap("NOOP"))
        await one.imap("EXPUNGE")
        assert "* 1 EXPUNGE" in await two.imap("NOOP")


async def test_idle_hears_of_a_delivery(stack: ReceiveStack) -> None:
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(b"t IDLE\r\n")
        await wire.line()
        await send(stack, b"a: 1\r\n")
        assert await wire.line() == "* 1 EXISTS"
        await wire.send(b"DONE\r\n")
        assert (await wire.until_tagged())[-1].startswith("t OK")


async def test_idle_hears_of_files_from_elsewhere(stack: ReceiveStack, inbox: Path) -> None:
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(b"t IDLE\r\n")
        await wire.line()
        (inbox / "new" / "1777900000.from-elsewhere.host").write_bytes(b"a: 3\r\n\r\n")
        assert await wire.line() == "* 1 EXISTS"


async def test_many_sessions_idle_and_all_hear(stack: ReceiveStack) -> None:
    async def hear() -> str:
        async with logged_in(stack) as wire:
            await wire.imap("EXAMINE INBOX")
            await wire.send(b"t IDLE\r\n")
            await wire.line()
            ready.release()
            return await wire.line()

    ready = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hear()) for _ in range(20)]
        for _ in tasks:
            await ready.acquire()
        await send(stack, b"a: 1\r\n")
    assert {task.result() for task in tasks} == {"* 1 EXISTS"}


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (2**21),
        b"t LOGIN {99999999999}",
        b"t LOGIN {99999999+}",
        b"t AUTHENTICATE PLAIN",
        b"{",
        b"t SEARCH " + b"NOT " * 5000 + b"ALL",
    ],
)
async def test_hostile_lines_end_their_own_session_at_most(
    stack: ReceiveStack, line: bytes
) -> None:
    async with connected(stack.imap_port) as wire:
        await wire.send(line + b"\r\n")
        await wire.send(b"\xff\xfe\r\n\r\n" * 10)
        wire.writer.write_eof()
        await wire.rest()
    async with logged_in(stack) as wire:
        assert (await wire.imap("NOOP"))[-1].startswith("t OK")


async def test_a_uid_is_on_disk_before_it_is_shown(
    stack: ReceiveStack, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(stack, b"a: 1\r\n")
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(_name(descriptor))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
    part, folder = synced
    assert re.fullmatch(r"\.dovecot-uidlist\.\w+\.part", part)
    assert folder == "mbx_open"
    assert " :" in (inbox / "dovecot-uidlist").read_text()


def _name(descriptor: int) -> str:
    return Path(f"/proc/self/fd/{descriptor}").readlink().name
