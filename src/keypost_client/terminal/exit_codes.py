"""What a program learns from the exit code alone."""

from enum import IntEnum

from keypost_client.errors import (
    KeyNotFound,
    KeypostError,
    KeyUnusable,
    NotFound,
    Refused,
    Unavailable,
    Unreachable,
    UrlUnusable,
    WaitingForPayment,
)
from keypost_client.replies import Mailbox
from keypost_client.terminal.usage import WrongUsage


class ExitCode(IntEnum):
    """Stable: scripts rely on it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    WAITING_FOR_PAYMENT = 3
    NOT_FOUND = 4
    REFUSED = 5
    TRY_AGAIN = 6
    INTERRUPTED = 130  # 128 and SIGINT, as shells say it
    PIPE_CLOSED = 141  # 128 and SIGPIPE


# The first that fits.
_OF_ERROR: tuple[tuple[type[KeypostError], ExitCode], ...] = (
    (WrongUsage, ExitCode.USAGE),
    (UrlUnusable, ExitCode.USAGE),
    (WaitingForPayment, ExitCode.WAITING_FOR_PAYMENT),
    (NotFound, ExitCode.NOT_FOUND),
    (KeyNotFound, ExitCode.NOT_FOUND),
    (KeyUnusable, ExitCode.REFUSED),
    (Refused, ExitCode.REFUSED),
    (Unreachable, ExitCode.TRY_AGAIN),
    (Unavailable, ExitCode.TRY_AGAIN),
)


def of_error(error: KeypostError) -> ExitCode:
    """Give the exit code for what went wrong."""
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), ExitCode.FAILED)


def of_mailbox(mailbox: Mailbox) -> ExitCode:
    """Give 0 only where mail can be read now, 3 where a payment would make it so."""
    if mailbox.usable:
        return ExitCode.OK
    return ExitCode.FAILED if mailbox.status == "revoked" else ExitCode.WAITING_FOR_PAYMENT
