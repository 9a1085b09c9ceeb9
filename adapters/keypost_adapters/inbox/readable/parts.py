"""Which parts of a message a reader shows (RFC 2046)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from keypost_adapters.inbox.readable.content import Content, read_content
from keypost_adapters.inbox.readable.defects import Defects
from keypost_adapters.inbox.readable.headers import Fields, read_fields, split_entity
from keypost_adapters.inbox.readable.transfer import decode_transfer

DEPTH = 16
PARTS = 200
_BOUNDARY_CHARACTERS = 200  # RFC 2046 section 5.1.1 allows 70


class Rank(IntEnum):
    """How gladly a part is shown where one of several has to be chosen."""

    NOTHING = 0
    OTHER = 1
    HTML = 2
    PLAIN = 3


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part with text, still encoded."""

    content: Content
    payload: bytes
    title: Fields | None = None
    """The header of a forwarded message, which is shown before its text."""

    @property
    def rank(self) -> Rank:
        """Plain text before HTML before the rest; an empty part before nothing."""
        if self.title is not None or not self.payload.strip():
            return Rank.NOTHING
        return {"text/plain": Rank.PLAIN, "text/html": Rank.HTML}.get(self.content.kind, Rank.OTHER)


@dataclass(slots=True)
class PartWalk:
    """Finds the parts to show, in order, within DEPTH levels and PARTS parts."""

    defects: Defects
    _left: int = field(default=PARTS)

    def leaves(self, content: Content, body: bytes, *, depth: int = 0) -> list[Leaf]:
        """Return the shown parts of one entity."""
        if depth > DEPTH:
            self.defects.note("too_deep")
            return []
        match content.family, content.kind:
            case "multipart", "multipart/encrypted":
                self.defects.note("encrypted")
                return []
            case "multipart", _:
                return self._several(content, body, depth=depth + 1)
            case "message", "message/rfc822" | "message/global":
                inner = decode_transfer(body, content.transfer, self.defects)
                return self._forwarded(inner, depth=depth + 1)
            case "text", _:
                return [Leaf(content, body)]
            case _, "application/pkcs7-mime" | "application/x-pkcs7-mime":
                self.defects.note("encrypted")
        return []

    def _several(self, content: Content, body: bytes, *, depth: int) -> list[Leaf]:
        children = self._children(content, body, depth=depth)
        if not children:
            # Without a delimiter the text is still there for a reader to see.
            return [Leaf(Content("text/plain"), body)]
        return _shown(content.kind, children)

    def _forwarded(self, body: bytes, *, depth: int) -> list[Leaf]:
        header, inner = split_entity(body)
        fields = read_fields(header, self.defects)
        content = read_content(fields, self.defects, otherwise="text/plain")
        return [Leaf(content, b"", title=fields), *self.leaves(content, inner, depth=depth)]

    def _children(self, content: Content, body: bytes, *, depth: int) -> list[list[Leaf]]:
        # RFC 2046 section 5.1.5: in a digest a part is a message unless it says otherwise.
        digest = content.kind == "multipart/digest"
        kind = "message/rfc822" if digest else "text/plain"
        boundary = content.parameters.get("boundary", "")[:_BOUNDARY_CHARACTERS].rstrip()
        chunks = self._chunks(body, boundary.encode("utf-8", errors="replace"))
        return [self._child(chunk, kind=kind, depth=depth) for chunk in chunks]

    def _child(self, chunk: bytes, *, kind: str, depth: int) -> list[Leaf]:
        header, body = split_entity(chunk)
        fields = read_fields(header, self.defects)
        content = read_content(fields, self.defects, otherwise=kind)
        return [] if content.attached else self.leaves(content, body, depth=depth)

    def _chunks(self, body: bytes, boundary: bytes) -> Iterator[bytes]:
        """Cut a multipart body at its delimiters (RFC 2046 section 5.1.1)."""
        start = None
        for delimiter in _delimiters(boundary).finditer(body) if boundary else ():
            if start is not None:
                yield body[start : delimiter.start()]
            if delimiter[1]:
                return
            if not self._left:
                self.defects.note("too_many_parts")
                return
            self._left -= 1
            start = min(delimiter.end() + 1, len(body))
        if start is not None:
            yield body[start:]
        self.defects.note("multipart_broken")


def _delimiters(boundary: bytes) -> re.Pattern[bytes]:
    # The line end before a delimiter belongs to it.
    return re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*\r?(?=\n|\Z)")


def _shown(kind: str, children: list[list[Leaf]]) -> list[Leaf]:
    """Choose among children as a reader does; what is unknown is mixed (section 5.1.3)."""
    match kind:
        case "multipart/alternative":
            # The last is the richest (section 5.1.4), so it wins among equals.
            return max(reversed(children), key=_best)
        case "multipart/related":
            # RFC 2387: the root is first; the others are what it refers to.
            return next(filter(None, children), [])
        case _:
            return [leaf for child in children for leaf in child]


def _best(leaves: list[Leaf]) -> Rank:
    return max((leaf.rank for leaf in leaves), default=Rank.NOTHING)
