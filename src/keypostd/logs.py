"""Logs: one event a line, for people on a terminal and as JSON everywhere else."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


class Patient:
    """A stream that nobody has to fear: what cannot be written, as on a full disk, is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def log_to(target: TextIO = sys.stderr) -> None:
    """Send every event, and what libraries warn of, to ``target``."""
    for_people = target.isatty()
    stream = cast("TextIO", Patient(target))
    renderer: structlog.typing.Processor = (
        # The default for tracebacks shows local variables, which may hold mail and passwords.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    with_traceback = [] if for_people else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *with_traceback, renderer],
        logger_factory=structlog.PrintLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *with_traceback,
                renderer,
            ],
        )
    )
    # Libraries log what they handle, mail content and protocol lines included,
    # at lower levels than this.
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
