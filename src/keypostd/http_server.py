"""uvicorn, run beside other things in one event loop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long requests in flight may take to finish when the program stops.
_GRACE_SECONDS = 5

# A request's line and headers: far more than any client of ours sends.
_HEAD_BYTES = 64 * 1024
_HEAD_SECONDS = 15.0

# Sockets, busy or idle. Beyond them uvicorn answers 503 by itself.
_CONNECTIONS = 1000


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 whose request heads are small and come soon.

    uvicorn bounds neither with httptools, so that a connection which never
    says what it wants would be kept, and a header kept however long it grows.
    """

    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request's head, but not for ever."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is complete."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _HEAD_BYTES:
            self._give_up()

    def on_message_begin(self) -> None:
        """Begin to count and to wait; idle time between requests is uvicorn's to bound."""
        super().on_message_begin()
        self._in_head = True
        self._stop_waiting()
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep headers, and drop the trailers of a chunked body: nobody here reads them."""
        if self._in_head:
            super().on_header(name, value)

    def on_response_complete(self) -> None:
        """Wait for the next head; a line end alone is none (RFC 9112 section 2.2)."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None and self._deadline is None:
            self._in_head = True
            self._deadline = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self._in_head and not self.transport.is_closing():
            self.transport.close()


class HttpServer(Server):
    """A server that leaves signals to the program and is stopped by ``stop()``."""

    def __init__(self, app: Any, listener: socket.socket) -> None:  # noqa: ANN401 - any ASGI app
        super().__init__(
            Config(
                app,
                http=BoundedHttp,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._listener = listener

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def run_until_stopped(self) -> None:
        """Serve; return when stopped and the requests in flight are answered."""
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Take no more requests."""
        self.should_exit = True
