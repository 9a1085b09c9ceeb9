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
    *works: Callable[[], Awaitable[None]],
    stopping: asyncio.Event,
    stop: Callable[[], None] | None = None,
) -> AsyncIterator[None]:
    """Run works beside the caller; at the end ask them to stop, or cancel them.

    A work that ends by itself sets ``stopping``, so that the process ends and is
    started anew instead of going on without it; its error is raised here.
    """
    tasks = [asyncio.ensure_future(work()) for work in works]
    for task in tasks:
        task.add_done_callback(lambda _: stopping.set())
    try:
        yield
    finally:
        if stop is not None:
            stop()
        else:
            for task in tasks:
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
