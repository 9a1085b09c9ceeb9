"""Header bytes → one line of text (RFC 2047, RFC 6532)."""

import binascii
import re
from collections.abc import Iterator
from itertools import groupby

from keypost_adapters.inbox.readable.charsets import decode
from keypost_adapters.inbox.readable.defects import Defects
from keypost_adapters.inbox.readable.transfer import from_base64

# RFC 2047 section 2, with the lengths that real mailers write instead of 75.
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([BbQq])\?([^?\r\n]{0,4096})\?=")
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')  # RFC 5322 section 3.2.3
_SURROGATES = re.compile("[\ud800-\udfff]")

# Line ends and other controls become spaces, so that no value can break out of
# its line; embeddings, overrides and isolates (Unicode TR9) go, because they
# show a reader another order than a program sees.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_BIDI = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_ONE_LINE = {**_CONTROLS, **_BIDI}


def decode_header(value: bytes, defects: Defects, *, addresses: bool = False) -> str:
    """Decode one unfolded header value.

    In a header of ``addresses`` a decoded word that holds specials is quoted:
    ``=?utf-8?q?boss=40corp.test=3E?= <eve@evil.test>`` must not become a text
    that starts with somebody else's address.
    """
    line = ""
    for charset, run in _runs(decode(value, "", defects)):
        piece = _run(charset, run, defects)
        if addresses and charset and _SPECIALS.search(piece):
            piece = _quoted(piece, inside=line.count('"') % 2 == 1)
        line += piece
    return one_line(line)


def one_line(text: str) -> str:
    """Return the text without line ends, controls, surrogates or changes of direction."""
    return without_surrogates(text).translate(_ONE_LINE).strip()


def without_surrogates(text: str) -> str:
    """Replace code points that no encoder takes (UTF-7 can spell them)."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def _runs(text: str) -> Iterator[tuple[str, list[str | bytes]]]:
    """Group neighbours of one charset; a charset of "" is text as it stands."""
    for charset, tokens in groupby(_tokens(text), key=lambda token: token[0]):
        yield charset, [content for _, content in tokens]


def _tokens(text: str) -> Iterator[tuple[str, str | bytes]]:
    end = 0
    for word in _WORD.finditer(text):
        gap = text[end : word.start()]
        # RFC 2047 section 6.2: white space between two encoded words is no text.
        if gap.strip() or (gap and not end):
            yield "", gap
        yield word[1].partition("*")[0].lower(), _payload(word[2], word[3])
        end = word.end()
    yield "", text[end:]


def _payload(encoding: str, payload: str) -> bytes:
    octets = payload.encode("utf-8", errors="replace")
    if encoding in "Bb":
        return from_base64(octets)
    return binascii.a2b_qp(octets, header=True)


def _run(charset: str, run: list[str | bytes], defects: Defects) -> str:
    if not charset:
        return "".join(piece for piece in run if isinstance(piece, str))
    # A letter may be split between two words, although section 5 forbids it.
    octets = b"".join(piece for piece in run if isinstance(piece, bytes))
    return decode(octets, charset, defects)


def _quoted(text: str, *, inside: bool) -> str:
    """Escape the text as a quoted-string, or as a part of one that is open already."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return escaped if inside else f'"{escaped}"'
