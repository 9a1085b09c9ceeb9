"""A failure is answered first and logged after that.

The log lies on the disk that mail is stored on. Where that is full, a log that
cannot be written must not change what a sender is told.
"""

import asyncio
from contextlib import suppress

import structlog

log = structlog.get_logger()


def report(event: str, error: BaseException) -> None:
    """Log a failure once the caller has answered; never raise."""
    asyncio.get_running_loop().call_soon(_write, event, error)


def _write(event: str, error: BaseException) -> None:
    # Nothing is left to say it to.
    with suppress(Exception):
        log.error(event, exc_info=error)
