"""Maildir: how a message becomes a file.

https://cr.yp.to/proto/maildir.html and Maildir++ for the sizes in names: a
message is written to ``tmp``, put on disk, renamed into ``new``, and the name
is put on disk, so that neither a kill nor a power loss takes back what SMTP
has confirmed.
"""

import itertools
import os
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keypost_adapters.durable_file import sync_folder

_SUBFOLDERS = ("cur", "new", "tmp")
_FLAGS = ":2,"
_STORED = re.compile(r",S=(\d+)")
_ON_THE_WIRE = re.compile(r",W=(\d+)")
_ARRIVAL = re.compile(r"(\d+)\.(?:M(\d+))?(?:P\d+)?(?:Q(\d+))?")
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class FileName:
    """A message's file name, taken apart.

    ``stored`` is the size of the file (``S=``), ``wire`` its size with every
    line ended by CRLF (``W=``), both None where the name does not tell.
    ``flags`` are Maildir's letters (``FS``).
    """

    base: str
    flags: str
    stored: int | None
    wire: int | None

    @classmethod
    def parse(cls, name: str) -> "FileName":
        """Take any file name apart; every name has a base."""
        base, _, flags = name.partition(_FLAGS)
        return cls(base, flags, _number(_STORED, base), _number(_ON_THE_WIRE, base))


def with_flags(base: str, flags: Iterable[str]) -> str:
    """Return the name of a message in ``cur``; the letters stand in ASCII order."""
    return f"{base}{_FLAGS}{''.join(sorted(set(flags)))}"


def arrival(base: str) -> tuple[int, int, int, str]:
    """Return a key that sorts base names by the time their delivery began."""
    match = _ARRIVAL.match(base)
    if match is None:
        return (0, 0, 0, base)
    return (int(match[1]), int(match[2] or 0), int(match[3] or 0), base)


def make_maildir(folder: Path) -> None:
    """Make the folder and its three subfolders, for this user's eyes only."""
    if (folder / _SUBFOLDERS[-1]).is_dir():
        return
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)
    for name in _SUBFOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    if missing:
        sync_folder(folder)


@dataclass(frozen=True, slots=True)
class Written:
    """A message on disk that nobody sees yet."""

    folder: Path
    temporary: Path
    name: str

    def publish(self) -> None:
        """Move the message into ``new``; it is there for good when this returns."""
        new = self.folder / "new"
        self.temporary.replace(new / self.name)
        sync_folder(new)

    def retract(self) -> None:
        """Remove the message wherever it is by now; what cannot be removed stays."""
        # A mail client that was quick has it in ``cur``, without flags.
        seen = self.folder / "cur" / with_flags(self.name, "")
        for path in (self.temporary, self.folder / "new" / self.name, seen):
            with suppress(OSError):
                path.unlink()


def write(folder: Path, content: bytes, *, now: datetime) -> Written:
    """Write a message to ``tmp`` and put it on disk.

    ``content`` has CRLF line ends only. ``now`` becomes the time of arrival,
    which IMAP shows as INTERNALDATE.
    """
    make_maildir(folder)
    name = _unique(len(content), now)
    temporary = folder / "tmp" / name
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    written = Written(folder, temporary, name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.utime(file.fileno(), (now.timestamp(), now.timestamp()))
            os.fsync(file.fileno())
    except BaseException:
        written.retract()
        raise
    return written


def deliver(messages: Iterable[tuple[Path, bytes]], *, now: datetime) -> None:
    """Store each message in its folder, or none: all are written before any is published."""
    written: list[Written] = []
    try:
        written.extend(write(folder, content, now=now) for folder, content in messages)
        for message in written:
            message.publish()
    except BaseException:
        for message in written:
            message.retract()
        raise


class UsageMeter:
    """Sums the sizes of a mailbox's messages, folder by folder.

    A folder is read again only after its time of change has moved.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._known: dict[Path, tuple[int, int]] = {}

    def used(self, mailbox: Path) -> int:
        """Return the bytes in ``new`` and ``cur`` of the mailbox and of its Maildir++ folders."""
        folders = [mailbox, *mailbox.glob(".*/")]
        return sum(self._sum(folder / name) for folder in folders for name in ("new", "cur"))

    def _sum(self, folder: Path) -> int:
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        known = self._known.get(folder)
        if known is not None and known[0] == changed:
            return known[1]
        started = self._now_ns()
        with os.scandir(folder) as entries:
            total = sum(map(_stored_size, entries))
        if is_settled(changed, started):
            self._known[folder] = (changed, total)
        return total


_TICK_NS = 20_000_000


def is_settled(changed_ns: int, read_at_ns: int) -> bool:
    """Say whether a folder that was read then can be told from one that changed after.

    The kernel stamps folders by a clock that ticks every 1 to 10 ms, so two
    changes within a tick look like one.
    """
    return read_at_ns - changed_ns > _TICK_NS


def _stored_size(entry: "os.DirEntry[str]") -> int:
    size = _number(_STORED, entry.name)
    if size is not None:
        return size
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


def _unique(size: int, now: datetime) -> str:
    host = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
    moment = f"{int(now.timestamp())}.M{now.microsecond:06}"
    return f"{moment}P{os.getpid()}Q{next(_counter)}.{host},S={size},W={size}"


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return int(match[1]) if match else None
