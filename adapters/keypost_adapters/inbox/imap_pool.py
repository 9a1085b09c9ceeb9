"""Kept IMAP connections, one a login."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from keypost.credentials import Credentials
from keypost_adapters.inbox.imap_connection import ImapConnection

# A connection belongs to a password as much as to a user: once the password has
# changed, who shows the new one must not be served by the old one's login.
Key = tuple[str, bytes]


@dataclass(slots=True)
class Slot:
    """A login's place for one connection; whoever holds ``lock`` uses it."""

    connection: ImapConnection | None = None
    abandoned: bool = False
    used_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def hold(self, connection: ImapConnection) -> None:
        """Put a connection in; called in the thread that opened it."""
        self.connection = connection
        if self.abandoned:
            connection.abort()

    def abandon(self) -> None:
        """Give the slot up while a thread may still be using its connection."""
        self.abandoned = True
        connection = self.connection
        if connection is not None:
            connection.abort()

    def empty(self) -> None:
        """Close the connection, when no other thread is using it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class ImapPool:
    """Lends slots; keeps up to ``max_kept`` idle connections, none for over ``idle_seconds``.

    Calls for one mailbox take turns: it then has one connection, and a server's
    limit of connections per user is never met. A pool belongs to one event loop.
    """

    def __init__(self, *, max_kept: int, idle_seconds: float) -> None:
        self._max_kept = max_kept
        self._idle_seconds = idle_seconds
        self._slots: OrderedDict[Key, Slot] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._slots)

    @asynccontextmanager
    async def turn(self, login: Credentials) -> AsyncIterator[Slot]:
        """Wait for the login's slot and lend it."""
        key = (login.username, sha256(login.password.encode()).digest())
        slot = await self._taken(key)
        try:
            yield slot
        finally:
            self._put_back(key, slot)

    async def _taken(self, key: Key) -> Slot:
        while True:
            slot = self._slots.get(key) or self._added(key)
            await slot.lock.acquire()
            if self._slots.get(key) is slot:
                return slot
            slot.lock.release()  # it was given up while this call waited

    def _added(self, key: Key) -> Slot:
        username, _ = key
        for other, slot in list(self._slots.items()):
            if other[0] == username and not slot.lock.locked():
                self._drop(other, slot)
        return self._slots.setdefault(key, Slot())

    def _put_back(self, key: Key, slot: Slot) -> None:
        now = asyncio.get_running_loop().time()
        slot.used_at = now
        if slot.abandoned or slot.connection is None:
            self._forget(key, slot)
        else:
            self._slots.move_to_end(key)
        slot.lock.release()
        self._drop_surplus(now)

    def _forget(self, key: Key, slot: Slot) -> None:
        if self._slots.get(key) is slot:
            del self._slots[key]

    def _drop(self, key: Key, slot: Slot) -> None:
        self._forget(key, slot)
        slot.empty()

    def _drop_surplus(self, now: float) -> None:
        idle = [(key, slot) for key, slot in self._slots.items() if not slot.lock.locked()]
        surplus = len(idle) - self._max_kept
        for place, (key, slot) in enumerate(idle):
            if place < surplus or now - slot.used_at >= self._idle_seconds:
                self._drop(key, slot)
        self._sweep_later()

    def _sweep_later(self) -> None:
        if self._slots and self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._idle_seconds, self._swept)

    def _swept(self) -> None:
        self._sweep = None
        self._drop_surplus(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Close what is idle and abort what is in use."""
        if self._sweep is not None:
            self._sweep.cancel()
        slots = list(self._slots.values())
        self._slots.clear()
        for slot in slots:
            if slot.lock.locked():
                slot.abandon()
            else:
                slot.empty()
