"""MIME, read in linear time, for what IMAP must know of a message.

The standard library's parser recurses and backtracks on hostile mail; this one
looks at boundaries and content types only, and stops at limits: what lies
deeper is shown as one undivided part.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_DEEPEST = 20
_MOST_PARTS = 1000
_LONGEST_VALUE = 8 * 1024
_HEADER_END = re.compile(rb"(?:\A|\n)\r?\n")
_TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_TYPE = re.compile(rb"\s*(" + _TOKEN + rb")/(" + _TOKEN + rb")")
_PARAMETER = re.compile(rb";\s*(" + _TOKEN + rb")\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;\"]+)")
_TEXT = (b"text", b"plain")

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields as they stand: lower-case name, and the whole field with its line ends."""


def fields(header: bytes) -> Fields:
    """Split a header into its fields; lines that belong to none are left out."""
    found: list[tuple[bytes, list[bytes]]] = []
    for line in header.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if found and line.strip():
                found[-1][1].append(line + b"\n")
        elif b":" in line:
            found.append((line.partition(b":")[0].strip().lower(), [line + b"\n"]))
    return [(name, b"".join(lines)) for name, lines in found]


def value(field_: bytes) -> bytes:
    """Return a field's value, unfolded (RFC 5322 2.2.3)."""
    return field_.partition(b":")[2].replace(b"\r\n", b"").replace(b"\n", b"").strip()


def first(header: Fields, name: bytes) -> bytes | None:
    """Return the value of the first field of that lower-case name."""
    return next((value(text) for known, text in header if known == name), None)


def typed_value(text: bytes | None) -> tuple[bytes, dict[bytes, bytes]]:
    """Split ``inline; a=b`` into its first word and its parameters, names in lower case."""
    text = (text or b"")[:_LONGEST_VALUE]
    found = _PARAMETER.findall(text)
    return text.partition(b";")[0].strip(), {n.lower(): _unquote(v) for n, v in found}


@dataclass(frozen=True, slots=True)
class Part:
    """A message or a part of one: ``raw[start:body]`` is its header, ``raw[body:end]`` the rest.

    ``parts`` are those of a multipart, or the one message in a message/rfc822.
    """

    raw: bytes = field(repr=False)
    start: int
    body: int
    end: int
    fields: Fields = field(repr=False)
    type: tuple[bytes, bytes]
    parameters: dict[bytes, bytes]
    parts: tuple["Part", ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> "Part":
        """Parse a message; any bytes are one."""
        return _Parser(raw).parse(0, len(raw), depth=0)

    @property
    def is_multipart(self) -> bool:
        """Whether the parts are those of a multipart."""
        return self.type[0] == b"multipart" and bool(self.parts)

    @property
    def is_message(self) -> bool:
        """Whether the one part is an enclosed message."""
        return self.type == (b"message", b"rfc822") and bool(self.parts)

    @property
    def content(self) -> bytes:
        """Return the body."""
        return self.raw[self.body : self.end]

    @property
    def header(self) -> bytes:
        """Return the header with its empty line."""
        return self.raw[self.start : self.body]

    def find(self, section: Sequence[int]) -> "Part | None":
        """Return the part that IMAP numbers so (RFC 3501 6.4.5), or None."""
        part = self
        for number in section:
            inner = part.parts[0] if part.is_message else part
            if inner.is_multipart:
                if not 1 <= number <= len(inner.parts):
                    return None
                part = inner.parts[number - 1]
            elif number == 1:
                part = inner
            else:
                return None
        return part

    def walk(self) -> Iterator["Part"]:
        """Return this part and all below it, in their order."""
        yield self
        for part in self.parts:
            yield from part.walk()


class _Parser:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._room = _MOST_PARTS

    def parse(
        self, start: int, end: int, *, depth: int, default: tuple[bytes, bytes] = _TEXT
    ) -> Part:
        body = self._body_start(start, end)
        header = fields(self._raw[start:body])
        kind, parameters = _content_type(header, default)
        self._room -= 1
        parts: tuple[Part, ...] = ()
        if depth < _DEEPEST and kind[0] == b"multipart":
            parts = self._multipart(body, end, kind, parameters, depth + 1)
        elif depth < _DEEPEST and kind == (b"message", b"rfc822"):
            parts = (self.parse(body, end, depth=depth + 1),)
        if not parts and (kind[0] == b"multipart" or kind == (b"message", b"rfc822")):
            kind = (b"application", b"octet-stream")
        return Part(self._raw, start, body, end, header, kind, parameters, parts)

    def _body_start(self, start: int, end: int) -> int:
        # A part may begin with its empty line: it has no header then.
        if self._raw[start : start + 2] == b"\r\n":
            return start + 2
        match = _HEADER_END.search(self._raw, start, end)
        return match.end() if match else end

    def _multipart(
        self,
        body: int,
        end: int,
        kind: tuple[bytes, bytes],
        parameters: dict[bytes, bytes],
        depth: int,
    ) -> tuple[Part, ...]:
        boundary = parameters.get(b"boundary")
        if not boundary:
            return ()
        default = (b"message", b"rfc822") if kind[1] == b"digest" else _TEXT
        parts: list[Part] = []
        for start, stop in _spans(self._raw, body, end, boundary):
            if self._room <= 0:
                break
            parts.append(self.parse(start, stop, depth=depth, default=default))
        return tuple(parts)


def _spans(raw: bytes, body: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Find what lies between delimiter lines (RFC 2046 5.1.1); the CRLF before one belongs to it."""
    delimiter = re.compile(rb"(?m)^--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    begin = None
    for match in delimiter.finditer(raw, body, end):
        if begin is not None:
            yield begin, max(begin, _before_line_end(raw, match.start()))
        if match[1]:
            return
        begin = match.end()
    if begin is not None:
        yield begin, end


def _before_line_end(raw: bytes, position: int) -> int:
    if raw[position - 2 : position] == b"\r\n":
        return position - 2
    return position - 1 if raw[position - 1 : position] == b"\n" else position


def _content_type(
    header: Fields, default: tuple[bytes, bytes]
) -> tuple[tuple[bytes, bytes], dict[bytes, bytes]]:
    text = (first(header, b"content-type") or b"")[:_LONGEST_VALUE]
    match = _TYPE.match(text)
    if match is None:
        return default, {}
    return (match[1].lower(), match[2].lower()), typed_value(text)[1]


def _unquote(text: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", text[1:-1]) if text.startswith(b'"') else text
