"""The three ways to say a thing, and which one it is."""

import sys
from typing import Protocol

from keypost_client.errors import KeypostError
from keypost_client.keys.choice import LocalKey
from keypost_client.replies import Access, Mailbox, Message


class Output(Protocol):
    """Where results and errors go. Results go to stdout, and nothing else does."""

    def mailbox(self, mailbox: Mailbox, *, billing_email: str) -> None:
        """Show what a claim or a renewal brought."""

    def access(self, access: Access) -> None:
        """Show the IMAP details, the password among them."""

    def messages(self, messages: list[Message]) -> None:
        """Show a list."""

    def message(self, message: Message) -> None:
        """Show one message with its text."""

    def raw(self, uid: int, content: bytes) -> None:
        """Give a message as it came in."""

    def key(self, key: LocalKey) -> None:
        """Show which key it is and where it lies."""

    def error(self, error: KeypostError) -> None:
        """Say what went wrong and what to do about it."""


def choose_output(*, as_json: bool) -> Output:
    """JSON where it is asked for, tables on a terminal, plain text else."""
    if as_json:
        from keypost_client.terminal.machine import MachineOutput  # noqa: PLC0415 - only one of
        # the three is ever needed, and one of them loads rich

        return MachineOutput()
    if sys.stdout.isatty():
        from keypost_client.terminal.screen import ScreenOutput  # noqa: PLC0415

        return ScreenOutput()
    from keypost_client.terminal.plain import PlainOutput  # noqa: PLC0415

    return PlainOutput()
