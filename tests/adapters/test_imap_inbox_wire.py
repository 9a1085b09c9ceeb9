"""ImapInbox over servers that misbehave, one line at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from keypost.credentials import Credentials
from keypost.errors import InboxUnavailable
from keypost_adapters.inbox.imap import ImapInbox

LOGIN = Credentials(username="mbx_a", password="secret", access_token="unused")
Answer = bytes | None
"""What is sent for a command; None hangs, an empty one hangs up."""
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
Script = Callable[[str, bytes], Answer]


@dataclass
class WireServer:
    """Speaks just enough IMAP; ``script`` sees each command's name and line first."""

    script: Script
    exists: int = 0
    greeting: Answer = b"* OK ready\r\n"
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await send(writer, self.greeting)
            while line := await reader.readline():
                tag, _, rest = line.rstrip().partition(b" ")
                name = rest.removeprefix(b"UID ").split()[0].decode().upper()
                self.commands.append(name)
                answer = self.script(name, rest)
                await send(writer, self.usual(name) if answer == b"usual" else answer, tag=tag)
        except ConnectionError:
            pass

    def usual(self, name: str) -> bytes:
        untagged = {
            "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
            "EXAMINE": b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n" % self.exists,
            "SEARCH": b"* SEARCH\r\n",
        }
        return untagged.get(name, b"") + b"TAG OK done\r\n"


async def send(writer: asyncio.StreamWriter, answer: Answer, *, tag: bytes = b"") -> None:
    if answer is None:
        await asyncio.Event().wait()
    elif not answer:
        raise ConnectionError
    else:
        writer.write(answer.replace(b"TAG", tag))
        await writer.drain()


def usually(name: str, line: bytes) -> Answer:  # noqa: ARG001 - a script sees both
    return b"usual"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Listen on the port that is yielded; end every connection at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handler(reader, writer))
        tasks.add(task)
        await asyncio.wait([task])
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(tracked, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


@asynccontextmanager
async def wired(
    script: Script = usually,
    *,
    exists: int = 0,
    greeting: Answer = b"* OK ready\r\n",
    **limits: float,
) -> AsyncIterator[tuple[ImapInbox, WireServer]]:
    wire = WireServer(script, exists=exists, greeting=greeting)
    async with serving(wire.serve) as wire.port:
        inbox = ImapInbox(
            host="127.0.0.1",
            port=wire.port,
            tls="none",
            timeout=limits.get("timeout", 5.0),
            max_kept=int(limits.get("max_kept", 10)),
            idle_seconds=limits.get("idle_seconds", 60.0),
        )
        yield inbox, wire
        await inbox.close()


def listing(inbox: ImapInbox) -> Awaitable[object]:
    return inbox.messages(LOGIN, unread_only=True, limit=20, include_body=False)


@pytest.mark.parametrize("name", ["CAPABILITY", "LOGIN", "EXAMINE", "SEARCH", "FETCH"])
async def test_a_command_that_hangs_ends_in_time(name: str) -> None:
    def script(command: str, _: bytes) -> Answer:
        if command == "SEARCH" and name == "FETCH":
            return b"* SEARCH 1\r\nTAG OK done\r\n"
        return None if command == name else b"usual"

    async with wired(script, exists=1, timeout=0.3) as (inbox, _):
        began = time.monotonic()
        with pytest.raises(InboxUnavailable, match="in time"):
            await listing(inbox)
        assert time.monotonic() - began < 2


async def test_a_greeting_that_never_comes_ends_in_time() -> None:
    async with wired(greeting=None, timeout=0.3) as (inbox, _):
        with pytest.raises(InboxUnavailable, match="in time"):
            await listing(inbox)


async def test_an_answer_in_drips_ends_in_time() -> None:
    """Each drip comes in time for a socket, but all together do not for a caller."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"* OK ready\r\n" + b"* OK " + b"drip " * 1000:
            await send(writer, bytes([byte]))
            await asyncio.sleep(0.02)

    async with serving(drip) as port:
        inbox = ImapInbox(host="127.0.0.1", port=port, tls="none", timeout=0.5)
        began = time.monotonic()
        with pytest.raises(InboxUnavailable, match="in time"):
            await listing(inbox)
        assert time.monotonic() - began < 2
        await inbox.close()


@pytest.mark.parametrize("name", ["CAPABILITY", "LOGIN", "EXAMINE", "SEARCH", "FETCH"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"* BYE shutting down\r\n",
        b"TAG NO never\r\n",
        b"TAG BAD what\r\n",
        b"garbage\r\n",
        b"\xff\xfe\x00\r\n",
        b"* 1 FETCH (UID 1 BODY[] {5}\r\nab\r\n",
        b"* 1 FETCH (((((\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[] {99999999999999999999}\r\n",
        b"* SEARCH one two\r\nTAG OK done\r\n",
        b"* x EXISTS\r\nTAG OK done\r\n",
        b"WRONG OK done\r\n",
    ],
)
async def test_a_server_that_fails_is_unavailable_or_empty(name: str, answer: bytes) -> None:
    def script(command: str, _: bytes) -> Answer:
        if command == "SEARCH" and name == "FETCH":
            return b"* SEARCH 1\r\nTAG OK done\r\n"
        return answer if command == name else b"usual"

    async with wired(script, exists=1, timeout=0.3) as (inbox, _):
        try:
            assert await listing(inbox) == []
        except InboxUnavailable as error:
            assert "imap" not in str(error).lower()  # noqa: PT017 - both ends are right
            assert "garbage" not in str(error)  # noqa: PT017


async def test_a_refused_connection_is_unavailable() -> None:
    async with wired() as (_, wire):
        port = wire.port
    inbox = ImapInbox(host="127.0.0.1", port=port, tls="none", timeout=1)
    with pytest.raises(InboxUnavailable):
        await listing(inbox)
    await inbox.close()


async def test_one_connection_serves_call_after_call() -> None:
    async with wired() as (inbox, wire):
        for _ in range(3):
            await listing(inbox)
        assert wire.connections == 1
        assert wire.commands == ["CAPABILITY", "LOGIN", "EXAMINE", "EXAMINE", "EXAMINE"]


async def test_a_connection_that_was_dropped_is_replaced_once() -> None:
    drops = iter([b"usual", b"", b"usual", b"* BYE idle\r\n", b"usual"])

    def script(command: str, _: bytes) -> Answer:
        return next(drops) if command == "EXAMINE" else b"usual"

    async with wired(script) as (inbox, wire):
        for _ in range(3):
            assert await listing(inbox) == []
        assert wire.connections == 3


async def test_a_kept_connection_that_fell_silent_is_replaced_within_the_call() -> None:
    answers = iter([b"usual", None, b"usual"])

    def script(command: str, _: bytes) -> Answer:
        return next(answers) if command == "EXAMINE" else b"usual"

    async with wired(script, timeout=1.0) as (inbox, wire):
        assert await listing(inbox) == []
        assert await listing(inbox) == []
        assert wire.connections == 2


async def test_an_idle_connection_is_dropped() -> None:
    async with wired(idle_seconds=0.05) as (inbox, wire):
        await listing(inbox)
        await until(lambda: not inbox.kept)
        await listing(inbox)
        assert wire.connections == 2


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


async def test_the_longest_unused_connection_makes_room() -> None:
    logins = [Credentials(f"mbx_{n}", "secret", "unused") for n in range(3)]
    async with wired(max_kept=2) as (inbox, wire):
        for login in (*logins, logins[1], logins[2], logins[0]):
            await inbox.messages(login, unread_only=True, limit=1, include_body=False)
        assert inbox.kept == 2
        assert wire.connections == 4


async def test_another_password_is_another_connection() -> None:
    async with wired() as (inbox, wire):
        await listing(inbox)
        other = Credentials(LOGIN.username, "changed", "unused")
        await inbox.messages(other, unread_only=True, limit=1, include_body=False)
        assert wire.commands.count("LOGIN") == 2


async def test_a_cancelled_call_leaves_nothing_behind() -> None:
    hang = iter([None])

    def script(command: str, _: bytes) -> Answer:
        return next(hang, b"usual") if command == "EXAMINE" else b"usual"

    async with wired(script) as (inbox, wire):
        call = asyncio.ensure_future(listing(inbox))
        await until(lambda: "EXAMINE" in wire.commands)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert inbox.kept == 0
        assert await listing(inbox) == []


async def test_a_hundred_thousand_messages_are_searched_in_windows() -> None:
    unread = {3, 50_000, 99_990}
    ranges: list[tuple[int, int]] = []

    def script(command: str, line: bytes) -> Answer:
        if command != "SEARCH":
            return b"TAG OK done\r\n" if command == "FETCH" else b"usual"
        first, last = map(int, line.split()[2].split(b":"))
        ranges.append((first, last))
        uids = b"".join(b" %d" % uid for uid in sorted(unread) if first <= uid <= last)
        return b"* SEARCH" + uids + b"\r\nTAG OK done\r\n"

    async with wired(script, exists=100_000) as (inbox, _):
        assert await listing(inbox) == []  # all three had vanished by the FETCH
    assert ranges[0] == (99_981, 100_000)
    assert ranges[-1][0] == 1
    assert all(later[1] + 1 == earlier[0] for earlier, later in pairwise(ranges))
    assert len(ranges) < 15
