"""Where the promises of InboxReader are asked: a login, its mail, a way to break it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from imapclient import IMAPClient

from daemons.dovecot import Dovecot
from fakes.inbox import MemoryInbox
from keypost.credentials import Credentials
from keypost.ports import InboxReader
from keypost_adapters.inbox.imap import ImapInbox

_users = count(1)


class InboxStage(Protocol):
    """One mailbox and its reader."""

    @property
    def reader(self) -> InboxReader: ...

    @property
    def login(self) -> Credentials: ...

    def deliver(self, raw: bytes, *, seen: bool = False) -> None: ...

    def seen(self, uid: int) -> bool: ...

    def go_down(self) -> None: ...


@dataclass(frozen=True, slots=True)
class MemoryStage:
    reader: MemoryInbox
    login: Credentials

    def deliver(self, raw: bytes, *, seen: bool = False) -> None:
        self.reader.deliver(self.login, raw, seen=seen)

    def seen(self, uid: int) -> bool:
        return self.reader.seen(self.login, uid)

    def go_down(self) -> None:
        self.reader.down = True


@dataclass(frozen=True, slots=True)
class ImapStage:
    reader: ImapInbox
    login: Credentials
    server: Dovecot

    def deliver(self, raw: bytes, *, seen: bool = False) -> None:
        self.server.deliver(self.login.username, raw, seen=seen)

    def seen(self, uid: int) -> bool:
        with IMAPClient("127.0.0.1", self.server.port, ssl=False, timeout=5) as client:
            client.login(self.login.username, self.login.password)
            client.select_folder("INBOX", readonly=True)
            return b"\\Seen" in client.get_flags([uid])[uid]

    def go_down(self) -> None:
        self.server.stop()


@asynccontextmanager
async def memory_stage() -> AsyncIterator[InboxStage]:
    inbox, login = MemoryInbox(), a_login()
    inbox.open_for(login)
    yield MemoryStage(inbox, login)


@asynccontextmanager
async def imap_stage(server: Dovecot) -> AsyncIterator[ImapStage]:
    login = a_login()
    server.put_user(login.username, login.password)
    inbox = ImapInbox(host="127.0.0.1", port=server.port, tls="none")
    yield ImapStage(inbox, login, server)
    await inbox.close()


def a_login() -> Credentials:
    name = f"mbx_user{next(_users)}"
    return Credentials(username=name, password=f"secret-of-{name}", access_token="unused")
