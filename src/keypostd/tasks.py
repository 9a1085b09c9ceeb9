"""What runs beside the main line of a process, and how it is told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


def told_to_stop() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, in place of killing the process."""
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    return stopping


@asynccontextmanager
async def background(
    *works: Callable[[], Awaitable[None]], stop: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Run works beside the caller; at the end ask them to stop, or cancel them."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield
    finally:
        if stop is not None:
            stop()
        else:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
