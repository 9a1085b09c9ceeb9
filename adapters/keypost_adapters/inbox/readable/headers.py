"""The header of a message or of a part, as fields (RFC 5322 section 2.2)."""

import re
from dataclasses import dataclass

from keypost_adapters.inbox.readable.defects import Defects

HEADER_BYTES = 64 * 1024
FIELDS = 1000
VALUE_BYTES = 16 * 1024

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fields:
    """Unfolded raw values by lower-case name; of a repeated field the first."""

    values: dict[str, bytes]
    repeated: frozenset[str]

    def get(self, name: str, defects: Defects) -> bytes:
        """Return the field's value, cut at VALUE_BYTES, or nothing."""
        value = self.values.get(name, b"")
        if name in self.repeated:
            defects.note("header_repeated")
        if len(value) > VALUE_BYTES:
            defects.note("header_truncated")
        return value[:VALUE_BYTES].strip()


def split_entity(raw: bytes) -> tuple[bytes, bytes]:
    """Return the header and the body of a message or a part (RFC 5322 section 2.1)."""
    if raw.startswith((b"\n", b"\r\n")):
        return b"", raw.partition(b"\n")[2]
    blank = _BLANK_LINE.search(raw)
    if blank is None:
        return raw, b""
    return raw[: blank.start()], raw[blank.end() :]


def read_fields(header: bytes, defects: Defects) -> Fields:
    """Read at most FIELDS fields from the header's first HEADER_BYTES."""
    # Unfold first: RFC 5322 section 2.2.3.
    lines = _FOLD.sub(b"", header[:HEADER_BYTES]).split(b"\n")
    if len(header) > HEADER_BYTES or len(lines) > FIELDS:
        defects.note("header_truncated")
    return _fields(lines[:FIELDS], defects)


def _fields(lines: list[bytes], defects: Defects) -> Fields:
    values: dict[str, bytes] = {}
    repeated: set[str] = set()
    for line in lines:
        field = _FIELD.match(line)
        if field is None:
            if line.strip() and not line.startswith(b"From "):  # mbox's separator
                defects.note("header_malformed")
            continue
        name = field[1].decode("ascii").lower()
        if name in values:
            repeated.add(name)
        values.setdefault(name, field[2])
    return Fields(values, frozenset(repeated))
