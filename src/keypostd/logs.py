"""Logs: one event a line, for people on a terminal and as JSON everywhere else."""

import logging
import sys
from typing import TextIO

import structlog


def log_to(stream: TextIO = sys.stderr) -> None:
    """Send every event, and what libraries warn of, to ``stream``."""
    for_people = stream.isatty()
    renderer = (
        structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
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
