"""Bytes in a named charset → text. The name comes from a stranger."""

import re
from encodings.aliases import aliases

from charset_normalizer import from_bytes

from keypost_adapters.inbox.readable.defects import Defects

# Looking a name up with ``codecs`` imports modules and caches misses for ever,
# and finds codecs that are no charsets (punycode takes quadratic time), so a
# name is looked up here, among tables of the standard library only.
_NO_CHARSETS = {
    "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "tactis",
    "uu_codec", "zlib_codec",
}  # fmt: skip
_CODECS = frozenset(aliases.values()) - _NO_CHARSETS

# What is written under a narrow name often uses the wider one's letters; the
# WHATWG Encoding Standard (section 4.2) reads these labels the same way.
_WIDER = {
    "ascii": "utf_8", "latin_1": "cp1252", "iso8859_9": "cp1254", "gb2312": "gb18030",
    "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "iso8859_8_i": "iso8859_8",
    "iso8859_8_e": "iso8859_8", "cp65001": "utf_8", "unicode_1_1_utf_7": "utf_7",
    "x_sjis": "cp932", "x_gbk": "gb18030", "utf_8_sig": "utf_8",
}  # fmt: skip
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_NAME_CHARACTERS = 40
_SAMPLE_BYTES = 4096
_LEAST_SAMPLE_BYTES = 40
_COMMONEST = "cp1252"
# Without those that differ from the commonest in a few letters only.
_CANDIDATES = [
    _COMMONEST, "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "gb18030", "big5",
    "cp932", "euc_jp", "cp949",
]  # fmt: skip


def decode(payload: bytes, charset: str, defects: Defects) -> str:
    """Decode under the declared charset, or a guessed one where it is empty or unknown."""
    if not charset:
        return _guess(payload, defects)
    codec = _codec(charset)
    if codec is None:
        defects.note("charset_unknown")
        return _guess(payload, defects)
    try:
        return payload.decode(codec)
    except UnicodeError:
        defects.note("charset_broken")
        return payload.decode(codec, errors="replace")


def _codec(charset: str) -> str | None:
    name = _SEPARATORS.sub("_", charset[:_NAME_CHARACTERS].lower()).strip("_")
    codec = aliases.get(name, name)
    codec = _WIDER.get(codec, codec)
    return codec if codec in _CODECS else None


def _guess(payload: bytes, defects: Defects) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        defects.note("charset_guessed")
    return payload.decode(_likely(payload[:_SAMPLE_BYTES]), errors="replace")


def _likely(sample: bytes) -> str:
    # Short text is the same likely in every charset, and a wrong guess reads as
    # another language: the commonest charset leaves at least the ASCII letters.
    if len(sample) < _LEAST_SAMPLE_BYTES:
        return _COMMONEST
    best = from_bytes(sample, steps=1, chunk_size=_SAMPLE_BYTES, cp_isolation=_CANDIDATES).best()
    return best.encoding if best else _COMMONEST
