"""The parts that are shown → one readable text."""

from dataclasses import dataclass, field

from keypost_adapters.inbox.readable.charsets import decode
from keypost_adapters.inbox.readable.defects import Defects
from keypost_adapters.inbox.readable.flowed import unflow
from keypost_adapters.inbox.readable.headers import Fields
from keypost_adapters.inbox.readable.html import HTML_CHARACTERS, html_text
from keypost_adapters.inbox.readable.parts import Leaf, Rank
from keypost_adapters.inbox.readable.transfer import decode_transfer
from keypost_adapters.inbox.readable.words import decode_header, without_surrogates

BODY_CHARACTERS = 256 * 1024

# All controls but tab and line feed: a body is shown in terminals, where an
# escape sequence is a command.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(0x7F, 0xA0)))


def body_text(leaves: list[Leaf], defects: Defects) -> str:
    """Join the texts of the parts, cut at BODY_CHARACTERS."""
    page = _Page(defects)
    for leaf in _worth_showing(leaves):
        if page.room <= 0:
            defects.note("body_truncated")
            break
        page.add(leaf)
    return "\n\n".join(filter(None, page.texts))


@dataclass(slots=True)
class _Page:
    """The text so far, and what may still be added to it."""

    defects: Defects
    texts: list[str] = field(default_factory=list)
    room: int = BODY_CHARACTERS
    html_room: int = HTML_CHARACTERS

    def add(self, leaf: Leaf) -> None:
        text = _tidy(self._text(leaf))
        if len(text) > self.room:
            self.defects.note("body_truncated")
        self.texts.append(text[: self.room])
        self.room -= len(text) + 2

    def _text(self, leaf: Leaf) -> str:
        if leaf.title is not None:
            return _title(leaf.title, self.defects)
        content = leaf.content
        text = _decoded(leaf, self.defects)
        if content.kind == "text/html":
            self.html_room, room = self.html_room - len(text), self.html_room
            return html_text(text, self.defects, room=max(room, 0))
        if content.parameters.get("format", "").lower() == "flowed":
            return unflow(text, delsp=content.parameters.get("delsp", "").lower() == "yes")
        return text


def _worth_showing(leaves: list[Leaf]) -> list[Leaf]:
    """Leave calendars and the like out where there is a text made for people."""
    good = [leaf for leaf in leaves if leaf.rank >= Rank.HTML or leaf.title is not None]
    return good if any(leaf.rank for leaf in good) else leaves


def _decoded(leaf: Leaf, defects: Defects) -> str:
    octets = decode_transfer(leaf.payload, leaf.content.transfer, defects)
    text = decode(octets, leaf.content.parameters.get("charset", ""), defects)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _title(fields: Fields, defects: Defects) -> str:
    """Name a forwarded message as mail readers do."""
    lines = ["---------- Forwarded message ----------"]
    for name in ("from", "date", "subject", "to"):
        value = decode_header(fields.get(name, defects), defects, addresses=name in {"from", "to"})
        if value:
            lines.append(f"{name.capitalize()}: {value}")
    return "\n".join(lines)


def _tidy(text: str) -> str:
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")  # a byte order mark
    return without_surrogates(text).translate(_CONTROLS).strip("\n")
