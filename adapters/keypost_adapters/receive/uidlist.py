"""Which message has which UID, kept as Dovecot keeps it.

The file is ``dovecot-uidlist``, version 3
(https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/)::

    3 V<uid validity> N<next uid> G<32 hex digits>
    <uid> :<file name without its flags>

so that Dovecot can take over the tree and clients see the same UIDs. RFC 3501
2.3.1.1: a UID is never given twice while the UID validity stays the same.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from keypost_adapters.durable_file import write_durably

FILE_NAME = "dovecot-uidlist"
_HEADER = re.compile(
    r"3 (?=.*\bV(?P<validity>\d+))(?=.*\bN(?P<next_uid>\d+))(?=.*\bG(?P<guid>\w+))?"
)
_LINE = re.compile(r"(?P<uid>[1-9]\d*) (?:[^:]* )?:(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class UidList:
    """UIDs by base name (a Maildir file name up to its ``:2,``)."""

    validity: int
    next_uid: int
    guid: str
    uids: dict[str, int]

    @classmethod
    def begin(cls, *, validity: int) -> "UidList":
        """Return an empty list; ``validity`` is a time in seconds, as Dovecot has it."""
        return cls(validity=validity, next_uid=1, guid=secrets.token_hex(16), uids={})

    @classmethod
    def load(cls, folder: Path) -> "UidList | None":
        """Read the folder's list; None where there is none that can be read."""
        try:
            text = (folder / FILE_NAME).read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> "UidList | None":
        """Parse a version 3 list; None where its header is not one."""
        first, *rest = text.split("\n")
        header = _HEADER.match(first)
        if header is None:
            return None
        found = [line for line in map(_LINE.fullmatch, rest) if line]
        uids = {_base(line["name"]): int(line["uid"]) for line in found}
        return cls(
            validity=int(header["validity"]),
            next_uid=max(int(header["next_uid"]), max(uids.values(), default=0) + 1),
            guid=header["guid"] or secrets.token_hex(16),
            uids=uids,
        )

    def following(self, present: list[str]) -> "UidList":
        """Return the list of exactly ``present``; names without a UID get the next ones in order."""
        uids = {name: self.uids[name] for name in present if name in self.uids}
        new = [name for name in present if name not in self.uids]
        uids |= {name: uid for uid, name in enumerate(new, self.next_uid)}
        return UidList(
            validity=self.validity,
            next_uid=self.next_uid + len(new),
            guid=self.guid,
            uids=uids,
        )

    def save(self, folder: Path) -> None:
        """Replace the folder's file atomically; it is on disk when this returns."""
        write_durably(folder / FILE_NAME, self._text().encode("utf-8", "surrogateescape"))

    def _text(self) -> str:
        head = f"3 V{self.validity} N{self.next_uid} G{self.guid}\n"
        lines = sorted((uid, name) for name, uid in self.uids.items())
        return head + "".join(f"{uid} :{name}\n" for uid, name in lines)


def _base(name: str) -> str:
    return name.partition(":2,")[0]
