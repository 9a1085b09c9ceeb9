"""The mailboxes of this process: who listens to them, and how much room is left.

Delivery and IMAP meet here, so a session that waits in IDLE hears of a message
as soon as it is stored.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from weakref import WeakValueDictionary

from keypost.ports import Clock
from keypost.receiving import MailUser
from keypost_adapters.receive.folder import Folder
from keypost_adapters.receive.maildir import UsageMeter, deliver


@dataclass(slots=True, eq=False, weakref_slot=True)
class Inbox:
    """A folder and those who want to hear when it changes."""

    folder: Folder
    listeners: set[Callable[[], None]] = field(default_factory=set)

    def announce(self) -> None:
        """Tell the listeners that the folder has changed."""
        for listener in tuple(self.listeners):
            listener()


class Mailroom:
    """Stores messages and hands out inboxes, all below one folder."""

    def __init__(self, root: Path, *, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._meter = UsageMeter(time.time_ns)
        self._reserved: Counter[Path] = Counter()
        self._inboxes: WeakValueDictionary[Path, Inbox] = WeakValueDictionary()
        self._unfinished: set[asyncio.Task[None]] = set()

    def inbox(self, user: MailUser) -> Inbox:
        """Return the user's inbox; everyone who asks gets the same one."""
        path = self._path(user)
        inbox = self._inboxes.get(path)
        if inbox is None:
            inbox = self._inboxes[path] = Inbox(Folder(path, clock=self._clock))
        return inbox

    def left(self, user: MailUser) -> int:
        """Return how many bytes the mailbox still takes; negative where it is too full."""
        path = self._path(user)
        return user.quota_bytes - self._meter.used(path) - self._reserved[path]

    async def store(self, messages: Mapping[MailUser, bytes]) -> None:
        """Store one message per user; all are on disk for good when this returns.

        Where storing one fails, none is kept.
        """
        by_path = {self._path(user): content for user, content in messages.items()}
        await self._finish(self._store(by_path))

    async def drained(self) -> None:
        """Wait for everything that was begun."""
        await asyncio.gather(*self._unfinished, return_exceptions=True)

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Await work that goes on even if the caller is cancelled meanwhile."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        await asyncio.shield(task)

    async def _store(self, messages: Mapping[Path, bytes]) -> None:
        with self._reservation(messages):
            await asyncio.to_thread(deliver, list(messages.items()), now=self._clock())
        for path in messages:
            inbox = self._inboxes.get(path)
            if inbox:
                inbox.announce()

    @contextmanager
    def _reservation(self, messages: Mapping[Path, bytes]) -> Iterator[None]:
        sizes = Counter({path: len(content) for path, content in messages.items()})
        self._reserved.update(sizes)
        try:
            yield
        finally:
            self._reserved = self._reserved - sizes

    def _path(self, user: MailUser) -> Path:
        relative = PurePosixPath(user.maildir)
        # The column comes from a database: it never leads out of the mail root.
        if relative.is_absolute() or not relative.parts or ".." in relative.parts:
            raise ValueError("a mailbox lies outside the mail root")
        return self._root / relative
