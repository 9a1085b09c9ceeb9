"""For pipes and logs: lines of text without colour."""

# ruff: noqa: T201 - what it prints is what it is for

import sys

from keypost_client.errors import KeypostError
from keypost_client.keys.choice import LocalKey
from keypost_client.replies import Access, Mailbox, Message
from keypost_client.terminal.failure import complain
from keypost_client.terminal.printable import lines, one_line
from keypost_client.terminal.table import (
    access_rows,
    key_rows,
    mailbox_rows,
    mailbox_words,
    message_rows,
)


class PlainOutput:
    """Output as ``name: value`` lines, and lists as tab-separated lines."""

    def mailbox(self, mailbox: Mailbox, *, billing_email: str) -> None:
        """Print the mailbox; what to do next goes to stderr."""
        _print_rows(mailbox_rows(mailbox))
        print(mailbox_words(mailbox, billing_email), file=sys.stderr)

    def access(self, access: Access) -> None:
        """Print the IMAP details."""
        _print_rows(access_rows(access))

    def messages(self, messages: list[Message]) -> None:
        """Print uid, date, sender and subject; the text below, indented, where it was asked for."""
        for message in messages:
            print(message.uid, *(one_line(text) for text in _heads(message)), sep="\t")
            if message.body is not None:
                print("".join(f"    {line}\n" for line in lines(message.body).split("\n")), end="")

    def message(self, message: Message) -> None:
        """Print the headers, an empty line and the text."""
        _print_rows(message_rows(message))
        print(f"\n{lines(message.body or '')}")

    def raw(self, uid: int, content: bytes) -> None:  # noqa: ARG002
        """Write the bytes."""
        sys.stdout.buffer.write(content)
        sys.stdout.flush()

    def key(self, key: LocalKey) -> None:
        """Print which key it is and where it lies."""
        _print_rows(key_rows(key))

    def error(self, error: KeypostError) -> None:
        """Complain on stderr."""
        complain(error)


def _heads(message: Message) -> tuple[str, ...]:
    return message.date, message.sender, message.subject


def _print_rows(rows: list[tuple[str, str]]) -> None:
    for name, value in rows:
        print(f"{name}: {one_line(value)}")
