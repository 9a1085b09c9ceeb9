"""A stored message as pymap asks for it.

Nothing is read before a command needs it: flags and sizes come from the file's
name, header fields from a cache, and only what needs the body reads the file.
"""

import asyncio
import base64
import quopri
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import cast

from pymap.flags import SessionFlags
from pymap.interfaces.message import LoadedMessageInterface
from pymap.parsing.specials import Flag, ObjectId
from pymap.parsing.specials.fetchattr import FetchRequirement
from pymap.parsing.specials.flag import Answered, Deleted, Draft, Flagged, Seen

from keypost_adapters.receive import mime, structure
from keypost_adapters.receive.folder import Folder, Stored, Vanished

FLAG_OF = {"S": Seen, "F": Flagged, "T": Deleted, "R": Answered, "D": Draft}
LETTER_OF = {flag: letter for letter, flag in FLAG_OF.items()}
_FLAG_SETS: dict[str, frozenset[Flag]] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_AT_ONCE = 256 * 1024
_LONGEST_DECODED = 4 * 1024


def flags_of(letters: str) -> frozenset[Flag]:
    """Return the IMAP flags of a file name's letters; letters of other programs are left out."""
    known = _FLAG_SETS.get(letters)
    if known is None:
        known = _FLAG_SETS[letters] = frozenset(FLAG_OF[x] for x in letters if x in FLAG_OF)
    return known


def letters_of(flags: Collection[Flag], *, before: str) -> str:
    """Return a file name's letters for the flags; letters of other programs stay."""
    foreign = [letter for letter in before if letter not in FLAG_OF]
    return "".join(sorted({LETTER_OF[flag] for flag in flags if flag in LETTER_OF} | set(foreign)))


class Message:
    """pymap's MessageInterface and CachedMessage over one stored message."""

    __slots__ = ("_folder", "expunged", "flags_key", "permanent_flags", "stored", "uid")

    def __init__(self, folder: Folder, stored: Stored, *, expunged: bool = False) -> None:
        self._folder = folder
        self.stored = stored
        self.uid = stored.uid
        self.expunged = expunged
        self.permanent_flags = flags_of(stored.name.flags)
        self.flags_key = (stored.uid, self.permanent_flags)

    @property
    def internal_date(self) -> datetime:
        """When the message came."""
        try:
            return self._folder.internal_date(self.uid)
        except Vanished:
            return _EPOCH

    @property
    def email_id(self) -> ObjectId:
        """An id (RFC 8474) that no other message has."""
        return ObjectId(f"M{self._folder.guid}-{self.uid}".encode())

    @property
    def thread_id(self) -> ObjectId:
        """None: threads are not kept."""
        return ObjectId(None)

    def get_flags(self, session_flags: SessionFlags) -> frozenset[Flag]:
        """Return the flags this session sees."""
        return self.permanent_flags | session_flags.get(self.uid)

    async def load_content(self, requirement: FetchRequirement) -> LoadedMessageInterface:
        """Return the content for pymap, whose own envelopes ours only resemble."""
        return cast("LoadedMessageInterface", await self.read(requirement))

    def unread(self, requirement: FetchRequirement) -> "Content":
        """Return the content without having read anything."""
        return Content(self, requirement, self._folder)

    async def read(self, requirement: FetchRequirement) -> "Content":
        """Return what can be asked of the content; a big file is read outside the loop."""
        content = self.unread(requirement)
        needs_body = bool(requirement & FetchRequirement.BODY)
        if needs_body and (self.stored.name.stored or 0) > _READ_AT_ONCE:
            await asyncio.to_thread(lambda: content.raw)
        return content


class Content:
    """pymap's LoadedMessageInterface; what has vanished is empty."""

    def __init__(self, message: Message, requirement: FetchRequirement, folder: Folder) -> None:
        self.message = message
        self.requirement = requirement
        self._folder = folder

    @cached_property
    def raw(self) -> bytes:
        """The whole message."""
        try:
            return self._folder.content(self.message.uid)
        except Vanished:
            return b""

    @cached_property
    def header(self) -> bytes:
        """The header with its empty line."""
        try:
            return self._folder.header(self.message.uid)
        except Vanished:
            return b""

    @cached_property
    def fields(self) -> mime.Fields:
        """The header's fields."""
        return mime.fields(self.header)

    @cached_property
    def part(self) -> mime.Part:
        """The parsed message."""
        return mime.Part.parse(self.raw)

    def __bytes__(self) -> bytes:
        return self.raw

    def get_header(self, name: bytes) -> Sequence[str]:
        """Return the decoded values of the fields of that name."""
        return [decoded(mime.value(text)) for known, text in self.fields if known == name.lower()]

    def get_headers(self, section: Sequence[int]) -> bytes:
        """Return a part's own header (``BODY[1.MIME]``)."""
        part = self.part.find(section)
        return part.header if part else b""

    def get_message_headers(
        self,
        section: Sequence[int] | None = None,
        subset: Collection[bytes] | None = None,
        inverse: bool = False,  # noqa: FBT001, FBT002 - pymap's signature
    ) -> bytes:
        """Return a message's header or some of its fields (``BODY[HEADER.FIELDS (…)]``)."""
        part = self._enclosed(section) if section else None
        if section and part is None:
            return b""
        if subset is None:
            return part.header if part else self.header
        wanted = {name.lower() for name in subset}
        chosen = [
            text
            for name, text in (part.fields if part else self.fields)
            if (name in wanted) != inverse
        ]
        return b"".join([*chosen, b"\r\n"])

    def get_message_text(self, section: Sequence[int] | None = None) -> bytes:
        """Return a message without its header (``BODY[TEXT]``)."""
        if not section:
            return self.raw[len(self.header) :]
        part = self._enclosed(section)
        return part.content if part else b""

    def get_body(
        self,
        section: Sequence[int] | None = None,
        binary: bool = False,  # noqa: FBT001, FBT002 - pymap's signature
    ) -> bytes:
        """Return the whole message (``BODY[]``) or the content of a part (``BODY[1]``)."""
        del binary
        if not section:
            return self.raw
        part = self.part.find(section)
        return part.content if part else b""

    def get_size(self, section: Sequence[int] | None = None) -> int:
        """Return the length of the message, or of a part's content."""
        if section:
            part = self.part.find(section)
            return len(part.content) if part else 0
        try:
            return self._folder.size(self.message.uid)
        except Vanished:
            return 0

    def get_envelope_structure(self) -> "Envelope":
        """Return the envelope, for FETCH and for SEARCH."""
        return Envelope(self.fields)

    def get_body_structure(self) -> "BodyStructure":
        """Return the structure, which FETCH asks for in two forms."""
        return BodyStructure(self.part)

    def contains(self, value: bytes) -> bool:
        """Say whether the header or a text holds the value, without regard to case."""
        wanted = value.decode("utf-8", "replace").lower()
        texts = (text for part in self.part.walk() for text in _searchable(part))
        return any(wanted in text.lower() for text in texts)

    def _enclosed(self, section: Sequence[int]) -> mime.Part | None:
        part = self.part.find(section)
        return part.parts[0] if part and part.is_message else None


class Envelope:
    """A message's envelope: bytes for FETCH, words for SEARCH."""

    def __init__(self, fields: mime.Fields) -> None:
        self._fields = fields

    def __bytes__(self) -> bytes:
        return structure.envelope(self._fields)

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return decoded(mime.first(self._fields, b"subject") or b"")

    @property
    def from_(self) -> list[str]:
        """The authors."""
        return self._people(b"from")

    @property
    def to(self) -> list[str]:
        """The recipients."""
        return self._people(b"to")

    @property
    def cc(self) -> list[str]:
        """The recipients of copies."""
        return self._people(b"cc")

    @property
    def bcc(self) -> list[str]:
        """The recipients of blind copies."""
        return self._people(b"bcc")

    @property
    def date(self) -> "HeaderDate":
        """The Date field."""
        return HeaderDate(mime.first(self._fields, b"date") or b"")

    def _people(self, name: bytes) -> list[str]:
        text = mime.first(self._fields, name)
        return [decoded(text)] if text else []


class HeaderDate:
    """A Date field; ``datetime`` is None where it cannot be read."""

    def __init__(self, text: bytes) -> None:
        self._text = text[:_LONGEST_DECODED].decode("latin-1")

    @property
    def datetime(self) -> datetime | None:
        """The time it tells."""
        try:
            return parsedate_to_datetime(self._text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None


class BodyStructure:
    """A body structure: bytes for BODY, ``extended`` for BODYSTRUCTURE."""

    def __init__(self, part: mime.Part) -> None:
        self._part = part

    def __bytes__(self) -> bytes:
        return structure.body_structure(self._part, is_extended=False)

    @property
    def extended(self) -> bytes:
        """The form with extension data."""
        return structure.body_structure(self._part, is_extended=True)


def decoded(text: bytes) -> str:
    """Decode encoded words (RFC 2047) for searching; what cannot be decoded stays as it is."""
    plain = text.decode("utf-8", "replace")
    if "=?" not in plain:
        return plain
    try:
        return str(make_header(decode_header(plain[:_LONGEST_DECODED])))
    except (HeaderParseError, LookupError, ValueError):
        return plain


def _searchable(part: mime.Part) -> Sequence[str]:
    header = part.header.decode("utf-8", "replace")
    if part.type[0] != b"text":
        return [header]
    return [header, _text(part)]


def _text(part: mime.Part) -> str:
    encoding = (mime.first(part.fields, b"content-transfer-encoding") or b"").lower()
    content = _transfer_decoded(part.content, encoding)
    charset = part.parameters.get(b"charset", b"utf-8").decode("ascii", "replace")
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _transfer_decoded(content: bytes, encoding: bytes) -> bytes:
    try:
        if encoding == b"base64":
            return base64.b64decode(content)
        if encoding == b"quoted-printable":
            return quopri.decodestring(content)
    except ValueError:
        pass
    return content
