"""What only a real socket shows: large heads, slow callers, silent callers."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from bench.server import Server, running

from fakes.service import MemoryService, refusal
from keypost_adapters.http.reading import LARGEST_BODY
from keypost_adapters.http.turnstile import Turnstile
from keypost_adapters.http.whole_body import WholeBody
from keypostd import http_server
from keypostd.http_server import HttpServer

Address: TypeAlias = tuple[str, int]

CHALLENGE = json.dumps({"public_key": "no key"}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("sockets") / "var"
    with running(folder) as up:
        yield up


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.ports.http), timeout=10)


def until_closed(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received


# --- the whole program -------------------------------------------------------


def test_a_header_of_70_kilobytes_ends_the_connection(server: Server) -> None:
    with connect(server) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000)
            connection.sendall(b"\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert b" 200 " not in until_closed(connection)


def test_headers_without_end_end_the_connection(server: Server) -> None:
    with connect(server) as connection:
        sent = connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - a broken pipe or a reset
            while sent < 50_000_000:
                sent += connection.send(b"X-Filler: some text\r\n" * 100)
    assert sent < 20_000_000


def test_headers_of_60_kilobytes_are_read(server: Server) -> None:
    reply = httpx.get(f"{server.url}/healthz", headers={"X": "x" * 60_000})
    assert reply.status_code == 200


def test_slow_bodies_do_not_keep_others_from_being_served(server: Server) -> None:
    head = b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
    with ExitStack() as held:
        for _ in range(105):
            held.enter_context(connect(server)).sendall(head)
        for _ in range(5):
            reply = httpx.post(f"{server.url}/v1/auth/challenge", content=CHALLENGE)
            assert refusal(reply)["code"] == "key_malformed"


def test_who_hangs_up_in_the_middle_harms_nobody(server: Server) -> None:
    head = b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
    for _ in range(120):
        with connect(server) as connection:
            connection.sendall(head)
    assert httpx.post(f"{server.url}/v1/auth/challenge", content=CHALLENGE).status_code == 400


def test_requests_in_one_breath_are_answered_in_their_order(server: Server) -> None:
    post = (
        b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n"
        % (len(CHALLENGE), b"")
    ) + CHALLENGE
    get = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    with connect(server) as connection:
        connection.sendall(post + get + b"\r\n" + post + get + b"Connection: close\r\n\r\n")
        received = until_closed(connection)
    statuses = [int(line[9:12]) for line in received.split(b"\r\n") if b"HTTP/1.1 " in line[:9]]
    assert received.count(b"HTTP/1.1 400") == received.count(b"HTTP/1.1 200") == 2
    assert statuses[0] == 400


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 20_000_000])
def test_who_sends_too_much_learns_so_whatever_the_client(server: Server, size: int) -> None:
    with connect(server) as connection:  # sends all before it listens, as most do
        connection.sendall(
            b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % size
        )
        for _ in range(size // 100_000):
            connection.sendall(b" " * 100_000)
        connection.sendall(b" " * (size % 100_000))
        received = until_closed(connection)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"body_too_large"' in received


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"GET", b"GET / HTTP/9.9", b"\x16\x03\x01\x02\x00", b"\x00"],
)
def test_what_is_no_http_ends_the_connection(server: Server, request_line: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(request_line + b"\r\nHost: a\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert until_closed(connection)[:13] in {b"", b"HTTP/1.1 400 "}


def test_two_lengths_of_one_body_are_refused(server: Server) -> None:
    # The seed of request smuggling (RFC 9112 section 11.2).
    for lengths in (
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    ):
        with connect(server) as connection:
            connection.sendall(b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\n" + lengths)
            connection.sendall(b"\r\n0\r\n\r\n")
            assert until_closed(connection).startswith(b"HTTP/1.1 400 ")


# --- the server in this process, with little patience ------------------------


@pytest.fixture
async def hasty(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Address]:
    """A server that waits 0.2 seconds for a head, and as long for a body or between requests."""
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.2)
    app = MemoryService().app()
    assert isinstance(app, WholeBody)
    assert isinstance(app.app, Turnstile)
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(WholeBody(app.app, largest=LARGEST_BODY, seconds=0.2), listener)
    server.config.timeout_keep_alive = 0.2  # type: ignore[assignment] # fractions are fine
    serving = asyncio.create_task(server.run_until_stopped())
    host, port = listener.getsockname()
    yield host, port
    server.stop()
    await serving


async def ends(address: Address, *said: bytes, then: bytes = b"") -> bytes:
    """Say something, and something more when answered; return what was answered until the end."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(2):
            for each in said:
                writer.write(each)
                await writer.drain()
            received = await reader.readuntil(b"}") if then else b""
            writer.write(then)
            return received + await reader.read(-1)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "said", [b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX"]
)
async def test_who_does_not_say_what_it_wants_is_let_go(hasty: Address, said: bytes) -> None:
    assert await ends(hasty, said) == b""


async def test_who_says_it_letter_by_letter_is_let_go(hasty: Address) -> None:
    reader, writer = await asyncio.open_connection(*hasty)
    ended = asyncio.create_task(reader.read(-1))
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    async with asyncio.timeout(5):
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
    writer.close()
    assert await ended == b""


@pytest.mark.parametrize("then", [b"", b"GET", b"\r\n"])
async def test_who_says_nothing_more_after_an_answer_is_let_go(hasty: Address, then: bytes) -> None:
    get = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    assert (await ends(hasty, get, then=then)).startswith(b"HTTP/1.1 200 ")


async def test_who_never_ends_a_body_is_let_go(hasty: Address) -> None:
    post = b"POST /v1/auth/challenge HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
    assert (await ends(hasty, post)).startswith(b"HTTP/1.1 408 ")
    received = await ends(hasty, post, then=b"more of the body")
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in received.lower()
    assert json.loads(received.partition(b"\r\n\r\n")[2])["code"] == "request_too_slow"
