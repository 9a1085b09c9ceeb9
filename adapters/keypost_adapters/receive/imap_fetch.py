"""FETCH responses (RFC 3501 7.4.2), written in one go.

pymap formats each value through several layers and formats all of it twice;
for a list of twenty headers this takes a tenth of the time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from pymap.bytes import WriteStream
from pymap.flags import SessionFlags
from pymap.parsing.response import UntaggedResponse
from pymap.parsing.specials import Flag
from pymap.parsing.specials.fetchattr import FetchAttribute, FetchRequirement

from keypost_adapters.receive.imap_message import Content, Message
from keypost_adapters.receive.imap_writer import PatientWriter

Text = Callable[[Content], bytes]
Value = Callable[[Content], Sequence[bytes]]
"""A value in pieces: a letter of 25 MB is not copied to stand behind its length."""

_UNOFFERED = (b"BINARY", b"EMAILID", b"THREADID")
_flag_lists: dict[frozenset[Flag], bytes] = {}


class FetchPlan:
    """What one FETCH command wants of each message."""

    def __init__(self, attributes: Sequence[FetchAttribute], flags: SessionFlags) -> None:
        self.needs = FetchRequirement.NONE
        if any(map(_needs_body, attributes)):
            self.needs = FetchRequirement.BODY
        self._flags = flags
        self._values = [(bytes(a.for_response), self._value(a)) for a in attributes]

    def pieces(self, seq: int, content: Content) -> Iterator[Sequence[bytes]]:
        """Return the response for a message, value by value."""
        before = b"* %d FETCH (" % seq
        for name, value in self._values:
            yield before + name + b" ", *value(content)
            before = b" "
        yield (b")\r\n",)

    def _value(self, attribute: FetchAttribute) -> Value:
        if attribute.value == b"FLAGS":
            return lambda content: (flag_list(content.message.get_flags(self._flags)),)
        return _section(attribute) if attribute.section else _simple(attribute)


class FetchLine(UntaggedResponse):
    """One message's FETCH response; the message is read while it is written."""

    def __init__(self, seq: int, message: Message, plan: FetchPlan) -> None:
        super().__init__()
        self._seq = seq
        self._message = message
        self._plan = plan

    async def async_write(self, writer: WriteStream) -> None:
        """Read the message and write the response, no faster than the client reads it."""
        patient = cast("PatientWriter", writer)
        content = await self._message.read(self._plan.needs)
        for pieces in self._plan.pieces(self._seq, content):
            for piece in pieces:
                patient.write(piece)
            await patient.relieve()


def is_offered(attribute: FetchAttribute) -> bool:
    """Say whether the attribute belongs to what is announced."""
    return not attribute.value.startswith(_UNOFFERED)


def flag_list(flags: frozenset[Flag]) -> bytes:
    """Write flags in a stable order."""
    known = _flag_lists.get(flags)
    if known is None:
        known = _flag_lists[flags] = b"(" + b" ".join(sorted(map(bytes, flags))) + b")"
    return known


def _internal_date(content: Content) -> bytes:
    return content.message.internal_date.strftime('"%d-%b-%Y %H:%M:%S %z"').encode()


_SIMPLE: Mapping[bytes, Text] = {
    b"UID": lambda content: b"%d" % content.message.uid,
    b"INTERNALDATE": _internal_date,
    b"RFC822.SIZE": lambda content: b"%d" % content.get_size(),
    b"ENVELOPE": lambda content: bytes(content.get_envelope_structure()),
    b"BODY": lambda content: bytes(content.get_body_structure()),
    b"BODYSTRUCTURE": lambda content: content.get_body_structure().extended,
}


def _needs_body(attribute: FetchAttribute) -> bool:
    if attribute.section is None:
        return attribute.value in (b"BODY", b"BODYSTRUCTURE")
    is_header = (attribute.section.specifier or b"").startswith(b"HEADER")
    return not is_header or bool(attribute.section.parts)


def _simple(attribute: FetchAttribute) -> Value:
    text = _SIMPLE[attribute.value]
    return lambda content: (text(content),)


def _section(attribute: FetchAttribute) -> Value:
    """Return how to get ``BODY[section]<partial>`` (RFC 3501 6.4.5)."""
    part, partial = _part(attribute), attribute.partial
    if partial is None:
        return lambda content: _literal(part(content))
    end = None if partial.length is None else partial.start + partial.length
    return lambda content: _literal(part(content)[partial.start : end])


def _part(attribute: FetchAttribute) -> Text:
    section = attribute.section
    if section is None:
        raise TypeError(attribute)
    parts, headers = section.parts, section.headers
    match section.specifier:
        case None:
            return lambda content: bytes(content.get_body(parts))
        case b"MIME":
            return lambda content: bytes(content.get_headers(parts))
        case b"TEXT":
            return lambda content: bytes(content.get_message_text(parts))
        case b"HEADER":
            return lambda content: bytes(content.get_message_headers(parts))
        case b"HEADER.FIELDS":
            return lambda content: bytes(content.get_message_headers(parts, headers))
        case _:
            return lambda content: bytes(content.get_message_headers(parts, headers, inverse=True))


def _literal(text: bytes) -> Sequence[bytes]:
    return b"{%d}\r\n" % len(text), text
