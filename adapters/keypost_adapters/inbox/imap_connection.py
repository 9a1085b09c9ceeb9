"""One IMAP connection of one login, opened, asked and closed in worker threads."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Self

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from keypost.credentials import Credentials
from keypost.errors import InboxUnavailable

Tls = Literal["none", "starttls", "implicit"]

# Messages searched in one command: the answer stays far below the megabyte at
# which imaplib gives up on a line.
SEARCH_WINDOW = 10_000
_GROWTH = 10
_LEAST_SECONDS = 0.001  # zero would mean "do not block"


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where the mail store is; ``context`` says whom TLS trusts."""

    host: str
    port: int
    tls: Tls
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class ImapConnection:
    """A logged-in connection, used by one thread at a time.

    Where the server fails, refuses or does not answer by the monotonic time
    ``by``, InboxUnavailable is raised, and only ``close`` is left to do.
    """

    client: IMAPClient

    @classmethod
    def open(cls, server: ImapServer, login: Credentials, *, by: float) -> Self:
        """Connect and log in."""
        with translated():
            seconds = _seconds(by)
            client = IMAPClient(
                server.host,
                server.port,
                ssl=server.tls == "implicit",
                ssl_context=server.context,
                timeout=SocketTimeout(connect=seconds, read=seconds),
            )
            # imapclient writes a command in pieces; Nagle's algorithm would hold
            # the second until the server's delayed acknowledgement, 40 ms later.
            client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = cls(client)
        try:
            connection._log_in(server, login, by=by)
        except BaseException:
            connection.close()
            raise
        return connection

    def _log_in(self, server: ImapServer, login: Credentials, *, by: float) -> None:
        with answered(self.client, by=by):
            if server.tls == "starttls":
                # The password must not go before TLS stands (RFC 3501 section 11.1).
                self.client.starttls(ssl_context=server.context)
            self.client.login(login.username, login.password)

    def examine(self, *, by: float, alive_by: float) -> "ExaminedInbox":
        r"""Open INBOX anew and read-only; the answer to this is due by ``alive_by``.

        EXAMINE changes no flag, not even ``\Recent`` (RFC 3501 section 6.3.2),
        shows what has arrived since, and forgets what earlier commands left.
        """
        with answered(self.client, by=min(by, alive_by)):
            exists = self.client.select_folder("INBOX", readonly=True)[b"EXISTS"]
        return ExaminedInbox(self.client, exists=int(exists), by=by)

    def abort(self) -> None:
        """End a command that runs in another thread: it fails there at once."""
        with suppress(OSError):
            self.client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go, without a word to the server."""
        with suppress(OSError):
            self.client.shutdown()


@dataclass(frozen=True, slots=True)
class ExaminedInbox:
    """INBOX as it was when EXAMINE answered: ``exists`` messages."""

    client: IMAPClient
    exists: int
    by: float

    def newest(self, *, unread_only: bool, limit: int) -> list[int]:
        """Return the UIDs of the newest ``limit`` messages, the newest first.

        UIDs ascend with sequence numbers (RFC 3501 section 2.3.1.2), so the
        newest are searched first, in windows that grow.
        """
        key = "UNSEEN" if unread_only else "ALL"
        found: set[int] = set()
        for first, last in _windows(self.exists, limit):
            with answered(self.client, by=self.by):
                found.update(self.client.search([f"{first}:{last}", key]))
            if len(found) >= limit:
                break
        return sorted(found, reverse=True)[:limit]

    def fetch(self, uids: Sequence[int], section: str) -> dict[int, bytes]:
        r"""Return ``BODY.PEEK[<section>`` of each message that is still there.

        PEEK leaves ``\Seen`` alone (RFC 3501 section 6.4.5).
        """
        with answered(self.client, by=self.by):
            answer = self.client.fetch(uids, [f"BODY.PEEK[{section}"])
            return {uid: octets for uid, items in answer.items() for octets in _octets(items)}


def _windows(exists: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut the sequence numbers into ranges, the newest and smallest first."""
    while exists > 0:
        first = max(exists - size + 1, 1)
        yield first, exists
        exists, size = first - 1, min(size * _GROWTH, SEARCH_WINDOW)


def _octets(items: dict[bytes, object]) -> Iterator[bytes]:
    for name, value in items.items():
        # A server may send more than it was asked for (RFC 3501 section 7.4.2).
        if name.startswith(b"BODY[") and isinstance(value, bytes):
            yield value


def _seconds(by: float) -> float:
    return max(by - monotonic(), _LEAST_SECONDS)


@contextmanager
def answered(client: IMAPClient, *, by: float) -> Iterator[None]:
    """Give each wait for the server until ``by``."""
    with translated():
        client.socket().settimeout(_seconds(by))
        yield


@contextmanager
def translated() -> Iterator[None]:
    """Raise InboxUnavailable for whatever a vendor's library raises."""
    try:
        yield
    except LoginError as error:
        raise InboxUnavailable("The mail store refused the mailbox's login.") from error
    except TimeoutError as error:
        raise InboxUnavailable("The mail store did not answer in time.") from error
    except Exception as error:
        # imaplib trips over garbage with whatever exception comes first.
        raise InboxUnavailable from error
