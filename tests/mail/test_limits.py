"""What a client cannot do to the process: stay for ever, fill its memory, keep it from stopping."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypost_adapters.receive.folder import Folder
from keypost_adapters.receive.imap_writer import packets
from keypost_adapters.receive.maildir import deliver
from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import NOW
from mail.wire import PATIENCE, Wire, connected, dialled, logged_in, send

Start = Callable[..., ReceiveStack]
LOGIN = b't LOGIN mbx_open "correct horse"\r\n'


# --- clients that do not read ------------------------------------------------


def shrink_send_buffer(port: int) -> None:
    """Let the kernel keep next to nothing of what is sent on connections to the port."""
    # Connections inherit what is set on the socket that listens.
    for link in Path("/proc/self/fd").iterdir():
        if not link.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(link.name))) as candidate:
            if candidate.family == socket.AF_INET and candidate.getsockname()[1] == port:
                candidate.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


@asynccontextmanager
async def deaf(port: int) -> AsyncIterator[Wire]:
    """Connect with a tiny window; nothing is read but what the test reads."""
    shrink_send_buffer(port)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)  # noqa: FBT003 - the socket module's signature
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def fill(inbox: Path, letters: int) -> bytes:
    letter = b"Subject: x\r\n\r\n" + b"x" * 200_000 + b"\r\n"
    deliver([(inbox, letter)] * letters, now=NOW)
    return letter


class Reads:
    """Counts the letters that the server reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.first = asyncio.Event()
        content = Folder.content
        loop = asyncio.get_running_loop()

        def counted(folder: Folder, uid: int) -> bytes:
            self.count += 1
            loop.call_soon_threadsafe(self.first.set)
            return content(folder, uid)

        monkeypatch.setattr(Folder, "content", counted)


async def test_a_client_that_reads_no_imap_response_does_not_keep_the_stack_from_stopping(
    start: Start, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(inbox, 20)
    reads = Reads(monkeypatch)
    before = asyncio.all_tasks()
    stack = start(goodbye=0.1)
    await stack.start()
    async with deaf(stack.imap_port) as wire, asyncio.timeout(PATIENCE):
        await wire.send(LOGIN + b"t SELECT INBOX\r\nt FETCH 1:* BODY[]\r\n")
        await reads.first.wait()
        await stack.stop()
        assert asyncio.all_tasks() == before


async def test_a_client_that_reads_no_smtp_reply_does_not_keep_the_stack_from_stopping(
    start: Start,
) -> None:
    before = asyncio.all_tasks()
    stack = start(goodbye=0.1)
    await stack.start()
    async with deaf(stack.smtp_port) as wire, asyncio.timeout(PATIENCE):
        # The server stops to take commands once its replies are stuck.
        while wire.writer.transport.get_write_buffer_size() < 2**16:
            wire.writer.write(b"EHLO x\r\n" * 1000)
            await asyncio.sleep(0)
        await stack.stop()
        assert asyncio.all_tasks() == before


async def test_letters_are_read_no_faster_than_the_client_takes_them(
    start: Start, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = fill(inbox, 40)
    reads = Reads(monkeypatch)
    async with start(unread=0.2) as stack, deaf(stack.imap_port) as wire:
        await wire.send(LOGIN + b"t SELECT INBOX\r\nt FETCH 1:* BODY.PEEK[]\r\n")
        # The client only listens again when the server has given it up.
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)
        assert len(await wire.rest()) < len(letter)
    assert 1 <= reads.count <= 3


async def test_a_client_that_reads_slowly_gets_everything(start: Start, inbox: Path) -> None:
    letter = fill(inbox, 3)
    async with start(unread=1) as stack, deaf(stack.imap_port) as wire:
        await wire.send(
            LOGIN + b"t SELECT INBOX\r\nt FETCH 1:* (UID BODY.PEEK[] BODY.PEEK[] FLAGS)\r\n"
            b"t LOGOUT\r\n"
        )
        got = await wire.rest()
    assert got.count(letter) == 6
    assert got.count(b" BODY[] {%d}\r\nSubject" % len(letter)) == 6
    assert b" FLAGS (\\Recent))\r\n* 2 FETCH (UID 2 BODY[] {" in got
    assert b"t OK FETCH completed.\r\n" in got


@given(st.lists(st.sampled_from([0, 1, 5, 262_143, 262_144, 262_145, 600_000]), max_size=6))
def test_packets_hold_the_same_bytes_and_are_never_big(sizes: list[int]) -> None:
    pieces = [bytes([65 + i]) * size for i, size in enumerate(sizes)]
    got = list(packets(pieces))
    assert b"".join(got) == b"".join(pieces)
    assert all(len(packet) == 262_144 for packet in got[:-1])
    assert all(0 < len(packet) <= 262_144 for packet in got[-1:])


# --- commands without end ----------------------------------------------------

TOO_LONG = [
    b"t LOGIN " + b"{4096+}\r\n" + b"x" * 4096,
    b"{1+}\r\nx",
    b"x" * 1000,
]


@pytest.mark.parametrize("part", TOO_LONG, ids=["literals", "tiny literals", "line"])
async def test_a_command_before_login_ends_at_64_kb(stack: ReceiveStack, part: bytes) -> None:
    async with connected(stack.imap_port) as wire:
        sent = 0
        with suppress(ConnectionError):
            while sent < 2**17:
                await wire.send(part)
                sent += len(part)
        assert await wire.line() == "* BYE The command is too long."


async def test_literals_with_leave_count_as_well(stack: ReceiveStack) -> None:
    async with connected(stack.imap_port) as wire:
        answer = (await wire.imap("ID ({4096}"))[0]
        sent = 4096
        while answer.startswith("+ "):
            await wire.send(b"x" * 4096 + b" {4096}\r\n")
            sent += 4096
            answer = await wire.line()
        assert answer == "* BYE The command is too long."
        assert await wire.rest() == b""
    assert 2**15 < sent <= 2**16


async def test_a_literal_that_is_too_long_is_refused_before_it_is_sent(
    stack: ReceiveStack,
) -> None:
    async with connected(stack.imap_port) as wire:
        for literal in ("{4097}", "{65536}", "{99999999999999999999}"):
            assert (await wire.imap(f"LOGIN {literal}"))[0].startswith("t BAD")
        await wire.send(b"t LOGIN {4097+}\r\n")
        assert (await wire.rest()) == b"* BYE The command is too long.\r\n"


async def test_commands_after_login_may_be_longer_and_not_endless(stack: ReceiveStack) -> None:
    await send(stack, b"a: b\r\n")
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
        many = ",".join(str(uid) for uid in range(1, 100_000))
        assert (await wire.imap(f"UID FETCH {many} (RFC822.SIZE)"))[0].startswith(
            "* 1 FETCH (RFC822"
        )
        await wire.send(b"t NOOP " + b"x" * (2**20 + 2**16))
        assert await wire.line() == "* BYE The command is too long."


# --- connections without end -------------------------------------------------


async def test_one_connection_too_many_is_told_to_come_again(start: Start) -> None:
    async with start(connections=2) as stack:
        for port, words in (
            (stack.smtp_port, b"421 4.3.2 Too many connections, try again later\r\n"),
            (stack.imap_port, b"* BYE [LIMIT] Too many connections, try again later.\r\n"),
        ):
            async with connected(port), connected(port), dialled(port) as third:
                assert await third.rest() == words
            greeting = ""
            while not greeting.startswith(("220", "* OK")):
                async with dialled(port) as next_one:
                    greeting = await next_one.line()


async def test_a_client_that_does_not_log_in_is_sent_away_even_if_it_talks(start: Start) -> None:
    async with start(login=0.2) as stack:
        async with connected(stack.imap_port) as wire:
            assert await wire.rest() == b"* BYE Idle for too long.\r\n"
        async with connected(stack.imap_port) as wire:
            await wire.imap("AUTHENTICATE PLAIN")
            assert await wire.rest() == b"* BYE Idle for too long.\r\n"
        async with connected(stack.imap_port) as wire:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while (line := (await wire.imap("NOOP"))[-1]).startswith("t OK"):
                    pass
            assert line == "t OK NOOP completed." or line.startswith("* BYE")


async def test_who_has_logged_in_may_be_silent_for_longer(start: Start) -> None:
    async with start(login=0.2, imap_idle=PATIENCE) as stack, logged_in(stack) as wire:
        async with connected(stack.imap_port) as stranger:
            await stranger.rest()
        assert (await wire.imap("NOOP"))[-1].startswith("t OK")


@pytest.mark.parametrize("command", [b"", b"t NOO", b"t IDLE\r\n"])
async def test_a_silent_reader_is_sent_away(start: Start, command: bytes) -> None:
    async with start(imap_idle=0.2) as stack, logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(command)
        assert (await wire.rest()).endswith(b"* BYE Idle for too long.\r\n")


@pytest.mark.parametrize("commands", [[], ["EHLO x", "MAIL FROM:<>"]])
async def test_a_silent_sender_is_sent_away(start: Start, commands: list[str]) -> None:
    async with start(smtp_idle=0.2) as stack, connected(stack.smtp_port) as wire:
        for command in commands:
            await wire.ask(command)
        assert await wire.rest() == b"421 4.4.2 Timed out\r\n"


async def test_a_sender_that_stops_within_a_message_is_sent_away(start: Start, inbox: Path) -> None:
    async with start(smtp_idle=0.2) as stack, connected(stack.smtp_port) as wire:
        for command in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
            await wire.ask(command)
        await wire.send(b"half a line")
        assert await wire.rest() == b"421 4.4.2 Timed out\r\n"
    assert not list(inbox.glob("*/*"))


async def test_a_sender_whose_message_takes_long_is_not_idle(start: Start) -> None:
    now = asyncio.get_running_loop().time
    async with start(smtp_idle=0.5) as stack, connected(stack.smtp_port) as wire:
        for command in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
            await wire.ask(command)
        until = now() + 0.75
        while now() < until:
            await wire.send(b"line\r\n")
            await asyncio.sleep(0.01)
        await wire.send(b".\r\n")
        assert (await wire.reply()).startswith("250")


async def test_ipv6_loopback_is_loopback(start: Start, inbox: Path) -> None:
    async with start(host="::1") as stack:
        async with connected(stack.smtp_port, "::1") as wire:
            for command in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
                await wire.ask(command)
            await wire.send(b"a: b\r\n.\r\n")
            assert (await wire.reply()).startswith("250")
        async with connected(stack.imap_port, "::1") as wire:
            assert (await wire.imap('LOGIN mbx_open "correct horse"'))[-1].startswith("t OK")
    (file,) = inbox.glob("new/*")
    assert b"([IPv6:::1])" in file.read_bytes()
