"""A Maildir folder as IMAP needs it: messages by UID, flags, contents.

Everything here blocks and may be called from any thread. Readers look at
``messages`` without a lock: it is replaced, never changed.
"""

import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from keypost_adapters.receive.maildir import (
    FileName,
    arrival,
    is_settled,
    make_maildir,
    with_flags,
)
from keypost_adapters.receive.uidlist import UidList

_BARE_LF = re.compile(rb"(?<!\r)\n")
_HEADER_END = re.compile(rb"(?:\A|\n)\r?\n")
_CACHED_HEADERS = 2000
_CACHED_HEADER_BYTES = 16 * 1024
_CHUNK = 64 * 1024
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Stored:
    """One message: its UID, where it lies (``new`` or ``cur``), and its flags' letters."""

    uid: int
    place: str
    file: str
    name: FileName

    @property
    def is_new(self) -> bool:
        """Whether no client was told of the message yet."""
        return self.place == "new"

    @property
    def has_wire_lines(self) -> bool:
        """Whether every line is known to end in CRLF."""
        return self.name.wire is not None and self.name.wire == self.name.stored


class Vanished(Exception):  # noqa: N818 - a fact about the message
    """Another program has removed the message."""


class Folder:
    """The INBOX of one mailbox, kept in step with its files.

    Laws: a UID belongs to one message for ever and is on disk before anyone
    sees it; messages that other programs add, flag or remove are noticed by
    the next ``refresh()``.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime]) -> None:
        self.path = path
        self.messages: Mapping[int, Stored] = {}
        self._clock = clock
        self._lock = threading.RLock()
        self._uids = UidList.begin(validity=0)
        self._stamp: tuple[int, ...] = ()
        self._settled = False
        self._headers: OrderedDict[str, bytes] = OrderedDict()

    @property
    def validity(self) -> int:
        """The UID validity (RFC 3501 2.3.1.1); 0 before the first refresh."""
        return self._uids.validity

    @property
    def next_uid(self) -> int:
        """The UID that the next message will have."""
        return self._uids.next_uid

    @property
    def guid(self) -> str:
        """A name for the folder that no other has."""
        return self._uids.guid

    def is_changed(self) -> bool:
        """Say whether the files have changed since the last refresh."""
        return self._stamp != self._read_stamp()

    def is_stale(self) -> bool:
        """Say whether a refresh could find something."""
        return not self._settled or self.is_changed()

    def refresh(self) -> None:
        """Read the names again where they may have changed; give UIDs to new messages."""
        with self._lock:
            if self.is_stale():
                self._read()

    def claim_new(self) -> list[int]:
        """Move all of ``new`` to ``cur`` and return the UIDs: one session shows them as recent."""
        with self._lock:
            self.refresh()
            fresh = [message.uid for message in self.messages.values() if message.is_new]
            self._rename(fresh, lambda letters: letters)
            return fresh

    def change_flags(self, uids: Collection[int], change: Callable[[str], str]) -> None:
        """Replace messages' Maildir letters by what ``change`` makes of them.

        Nobody changes them meanwhile; unknown UIDs are passed over.
        """
        with self._lock:
            self._rename(uids, change)

    def remove(self, uids: Collection[int]) -> None:
        """Remove messages for good; unknown UIDs are passed over."""
        with self._lock:
            for uid in uids:
                self._with_file(uid, os.unlink)
            self.messages = {uid: m for uid, m in self.messages.items() if uid not in uids}

    def content(self, uid: int) -> bytes:
        """Return the message with CRLF line ends, or raise Vanished."""
        message = self._known(uid)
        content = self._with_file(uid, lambda path: path.read_bytes())
        if content is None:
            raise Vanished
        return content if message.has_wire_lines else _BARE_LF.sub(b"\r\n", content)

    def header(self, uid: int) -> bytes:
        """Return the header with its empty line, or raise Vanished."""
        base = self._known(uid).name.base
        cached = self._headers.get(base)
        if cached is not None:
            return cached
        header = self._with_file(uid, _read_header)
        if header is None:
            raise Vanished
        header = _BARE_LF.sub(b"\r\n", header)
        self._remember_header(base, header)
        return header

    def size(self, uid: int) -> int:
        """Return the length of ``content``, or raise Vanished."""
        wire = self._known(uid).name.wire
        return len(self.content(uid)) if wire is None else wire

    def internal_date(self, uid: int) -> datetime:
        """Return when the message came, or raise Vanished."""
        changed = self._with_file(uid, lambda path: path.stat().st_mtime)
        if changed is None:
            raise Vanished
        return datetime.fromtimestamp(changed, UTC)

    def _known(self, uid: int) -> Stored:
        try:
            return self.messages[uid]
        except KeyError:
            raise Vanished from None

    def _remember_header(self, base: str, header: bytes) -> None:
        if len(header) > _CACHED_HEADER_BYTES:
            return
        self._headers[base] = header
        if len(self._headers) > _CACHED_HEADERS:
            with suppress(KeyError):
                self._headers.popitem(last=False)

    def _with_file(self, uid: int, action: Callable[[Path], _R]) -> _R | None:
        """Act on the message's file; None where there is none.

        Another program may have renamed it: then its new name is looked up once.
        """
        for attempt in range(2):
            message = self.messages.get(uid)
            if message is None:
                return None
            with suppress(FileNotFoundError):
                return action(self.path / message.place / message.file)
            if attempt == 0:
                self._read_again()
        return None

    def _read_again(self) -> None:
        with self._lock:
            self._read()

    def _rename(self, uids: Collection[int], change: Callable[[str], str]) -> None:
        renamed = (self._renamed(uid, change) for uid in uids)
        changed = {message.uid: message for message in renamed if message}
        self.messages = {**self.messages, **changed}

    def _renamed(self, uid: int, change: Callable[[str], str]) -> Stored | None:
        message = self.messages.get(uid)
        if message is None:
            return None
        file = with_flags(message.name.base, change(message.name.flags))
        if (message.place, message.file) == ("cur", file):
            return None
        target = self.path / "cur" / file
        if self._with_file(uid, lambda path: path.rename(target)) is None:
            return None
        return Stored(uid, "cur", file, FileName.parse(file))

    def _read_stamp(self) -> tuple[int, ...]:
        with suppress(FileNotFoundError):
            return tuple((self.path / name).stat().st_mtime_ns for name in ("new", "cur"))
        return ()

    def _read(self) -> None:
        make_maildir(self.path)
        stamp, started = self._read_stamp(), time.time_ns()
        found = self._scan()
        if any(m.name.base not in found for m in self.messages.values()):
            # A file that is renamed while the folder is read may show up under
            # neither name. Only what is missing twice is gone.
            found = found | self._scan()
        self._assign(found)
        self._stamp, self._settled = stamp, is_settled(max(stamp, default=0), started)

    def _scan(self) -> dict[str, tuple[str, str]]:
        """Return place and file name by base name; ``cur`` is read last, and wins."""
        return {base: (place, file) for place, file, base in self._files()}

    def _files(self) -> Iterator[tuple[str, str, str]]:
        for place in ("new", "cur"):
            for file in os.listdir(self.path / place):  # noqa: PTH208 - names are enough, and faster
                if not file.startswith("."):
                    yield place, file, file.partition(":2,")[0]

    def _assign(self, found: dict[str, tuple[str, str]]) -> None:
        if not self.validity or self._uids.uids.keys() != found.keys():
            self._give_uids(found)
        known = self.messages
        uid_of = self._uids.uids
        self.messages = {
            uid: _unchanged(known.get(uid), place, file)
            or Stored(uid, place, file, FileName.parse(file))
            for uid, place, file in sorted((uid_of[base], *at) for base, at in found.items())
        }

    def _give_uids(self, found: dict[str, tuple[str, str]]) -> None:
        # The file is read again, for Dovecot may have given UIDs meanwhile.
        before = UidList.load(self.path) or self._uids
        begun = before if before.validity else self._begin()
        after = begun.following(sorted(found, key=arrival))
        # A UID is on disk before a client can see it, also where saving fails
        # at first.
        if (before.validity, before.next_uid) != (after.validity, after.next_uid):
            after.save(self.path)
        self._uids = after

    def _begin(self) -> UidList:
        return UidList.begin(validity=int(self._clock().timestamp()))


def _unchanged(known: Stored | None, place: str, file: str) -> Stored | None:
    return known if known and known.file == file and known.place == place else None


def _read_header(path: Path) -> bytes:
    header = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            header += chunk
            if end := _HEADER_END.search(header):
                return header[: end.end()]
    return header
