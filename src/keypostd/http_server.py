"""uvicorn, run beside other things in one event loop."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Config, Server

# How long requests in flight may take to finish when the program stops.
_GRACE_SECONDS = 5


class HttpServer(Server):
    """A server that leaves signals to the program and is stopped by ``stop()``."""

    def __init__(self, app: Any, listener: socket.socket) -> None:  # noqa: ANN401 - any ASGI app
        super().__init__(
            Config(
                app,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
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
