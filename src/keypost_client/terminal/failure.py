"""How a failure is told to people: on stderr, with the next step."""

# ruff: noqa: T201 - what it prints is what it is for

import sys

from keypost_client.errors import KeypostError, WaitingForPayment
from keypost_client.terminal.printable import one_line


def complain(error: KeypostError) -> None:
    """Say what happened and what to do; a payment that is due is no failure, so no alarm."""
    print(f"keypost: {one_line(error.detail)}", file=sys.stderr)
    if isinstance(error, WaitingForPayment) and error.payment_url:
        print(f"Pay here: {one_line(error.payment_url)}", file=sys.stderr)
    if error.fix:
        print(one_line(error.fix), file=sys.stderr)
