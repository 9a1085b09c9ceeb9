"""Content-Transfer-Encoding, leniently (RFC 2045 section 6)."""

import binascii

from keypost_adapters.inbox.readable.defects import Defects

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_LAYOUT = b" \t\r\n="
_IDENTITY = {"", "7bit", "8bit", "binary"}


def decode_transfer(payload: bytes, encoding: str, defects: Defects) -> bytes:
    """Undo the encoding; what is unknown is taken as it stands."""
    match encoding:
        case "base64":
            _note_strangers(payload, defects)
            return from_base64(payload)
        case "quoted-printable":
            return binascii.a2b_qp(payload)
        case _ if encoding not in _IDENTITY:
            defects.note("transfer_encoding_unknown")
    return payload


def from_base64(payload: bytes) -> bytes:
    """Decode what is base64 in the payload (RFC 2045 section 6.8: ignore the rest)."""
    letters = payload.translate(None, delete=_NOT_BASE64)
    whole = len(letters) - (len(letters) % 4 == 1)
    return binascii.a2b_base64(letters[:whole] + b"=" * (-whole % 4))


def _note_strangers(payload: bytes, defects: Defects) -> None:
    if payload.translate(None, delete=_ALPHABET + _LAYOUT):
        defects.note("base64_broken")
