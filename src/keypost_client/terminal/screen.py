"""For people: panels and tables on a terminal."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from keypost_client.errors import KeypostError
from keypost_client.keys.choice import LocalKey
from keypost_client.replies import Access, Mailbox, Message
from keypost_client.terminal.failure import complain
from keypost_client.terminal.printable import lines, one_line
from keypost_client.terminal.table import (
    Rows,
    access_rows,
    key_rows,
    mailbox_rows,
    mailbox_words,
    message_rows,
)
from keypost_client.terminal.usage import WrongUsage


class ScreenOutput:
    """Output for eyes.

    Every text of others becomes a ``Text`` and is made printable first: rich
    reads markup in plain strings, and lets control characters pass.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(markup=False, emoji=False, highlight=False)

    def mailbox(self, mailbox: Mailbox, *, billing_email: str) -> None:
        """Show the mailbox, what comes next, and the link where it can be clicked."""
        rows = [row for row in mailbox_rows(mailbox) if row[1] != mailbox.payment_url]
        self._panel("mailbox", rows)
        self._console.print(mailbox_words(mailbox, billing_email))
        if mailbox.payment_url:
            # Unwrapped and outside the panel, so that it can be clicked and copied whole.
            link = Text(one_line(mailbox.payment_url), style="bold cyan")
            self._console.print(link, soft_wrap=True)

    def access(self, access: Access) -> None:
        """Show the IMAP details and say that they are secret."""
        self._panel("IMAP access", access_rows(access))
        self._console.print("The password and the access token are secrets: they open the mailbox.")

    def messages(self, messages: list[Message]) -> None:
        """Show a table, or the messages one by one where their text was asked for."""
        if not messages:
            self._console.print("No messages. `keypost messages --all` shows read ones as well.")
        elif any(message.body is not None for message in messages):
            for message in messages:
                self.message(message)
        else:
            self._console.print(_message_table(messages))

    def message(self, message: Message) -> None:
        """Show the headers in a panel and the text below."""
        self._panel("message", message_rows(message))
        self._console.print(Text(lines(message.body or "")), soft_wrap=True)

    def raw(self, uid: int, content: bytes) -> None:
        """Refuse: a terminal would take a stranger's bytes for commands."""
        raise WrongUsage(
            f"Message {uid} as it came in ({len(content)} bytes) is not for a terminal.",
            fix=f"Send it to a file: keypost raw {uid} > {uid}.eml",
        )

    def key(self, key: LocalKey) -> None:
        """Show which key it is and where it lies."""
        self._panel("key", key_rows(key))

    def error(self, error: KeypostError) -> None:
        """Complain on stderr."""
        complain(error)

    def _panel(self, title: str, rows: Rows) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(name, Text(one_line(value)))
        self._console.print(Panel(grid, title=title, title_align="left", expand=False))


def _message_table(messages: list[Message]) -> Table:
    table = Table("uid", "date", "from", "subject")
    for message in messages:
        texts = (str(message.uid), message.date, message.sender, message.subject)
        table.add_row(*(Text(one_line(text)) for text in texts))
    return table
