"""A public key, which is who the caller is.

The line is parsed here and strictly, because libraries that read it kindly
give one key many identities, or accept keys for which anybody can sign.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from keypost.edproof.wire import Reader, Unreadable, from_base64, string, to_base64
from keypost.errors import KeyMalformed, KeyTypeUnsupported, KeyWeak

_TYPE: Final = "ssh-ed25519"
_RAW_BYTES: Final = 32
# An RSA line of 16384 bits has 2.8 KB, so every real key still gets the
# sentence that names its type.
_LINE_CAP: Final = 4096

_LINE_END: Final = re.compile(r"\r?\n\Z")
# All control characters but the tab, and what else Unicode calls a line end.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_SPACES: Final = re.compile(r"[ \t]+")
# The families of RFC 4250, RFC 5656, RFC 6187, RFC 8332 and OpenSSH's own. Only a
# name of this shape is ever shown again.
_TYPE_NAME: Final = re.compile(r"(?:ssh|sk|ecdsa|rsa|webauthn|x509v3|pgp|spki)-[a-z0-9@.-]{1,50}")
# A PEM header, and "openssh-key-v1" in base64, which is left when the header is cut off.
_PRIVATE: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY|b3BlbnNzaC1rZXktdjE")

# RFC 8032 section 5.1: the field of the curve.
_P: Final = 2**255 - 19
# The y of all eight points whose order divides the cofactor 8; the sign of x,
# bit 255, is left out. Source: "Taming the many EdDSAs" (eprint 2020/1244),
# table 1; libsodium's ge25519_has_small_order refuses the same. For such a key
# there is a signature that fits many messages, and no private key is needed to
# make it.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: ``raw`` is the 32 bytes of RFC 8032 section 5.1.5.

    Outside of tests a key comes from ``parse`` or ``from_blob``. Whether the
    point is on the curve at all is left to the verifier, which refuses every
    signature for one that is not.
    """

    raw: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line as ``ssh-keygen`` writes it to a ``.pub`` file.

        Surrounding spaces and tabs, one line end and a comment are allowed and
        forgotten. Raise KeyMalformed, KeyTypeUnsupported or KeyWeak for
        anything else.
        """
        kind, encoded = _split(line)
        if kind != _TYPE:
            raise _refused_type(kind)
        try:
            return cls.from_blob(from_base64(encoded))
        except Unreadable:
            raise KeyMalformed("The key after ssh-ed25519 is not clean base64.") from None

    @classmethod
    def from_blob(cls, blob: bytes) -> Self:
        """Read the 51 bytes of RFC 8709 section 4: the type's name, then the key.

        Raise KeyMalformed, KeyTypeUnsupported or KeyWeak.
        """
        try:
            raw = _read_blob(blob)
        except Unreadable:
            raise KeyMalformed("The key's data are cut short or too long.") from None
        _refuse_weak(raw)
        return cls(raw)

    @property
    def blob(self) -> bytes:
        """The key as RFC 8709 section 4 writes it, 51 bytes."""
        return string(_TYPE.encode("ascii")) + string(self.raw)

    @property
    def line(self) -> str:
        """``ssh-ed25519 AAAA...``: the one spelling, without a comment."""
        return f"{_TYPE} {to_base64(self.blob)}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and 43 characters of base64, as ``ssh-keygen -l`` shows it."""
        return "SHA256:" + to_base64(hashlib.sha256(self.blob).digest()).rstrip("=")


def _split(line: str) -> tuple[str, str]:
    """Return the type's name and the base64 of a line; the comment is dropped."""
    # Asked first, so that whoever pastes the wrong file learns what happened.
    if _PRIVATE.search(line, 0, _LINE_CAP):
        raise KeyMalformed(
            "That is a private key. Replace it, for it has left your machine, "
            "and send the line of the .pub file instead."
        )
    if len(line) > _LINE_CAP:
        raise KeyMalformed("The public key line is far too long.")
    text = _LINE_END.sub("", line).strip(" \t")
    # A second line could be another key: which of the two is the caller?
    if _CONTROL.search(text):
        raise KeyMalformed("The public key has to be one line without control characters.")
    kind, encoded, *_ = [*_SPACES.split(text, maxsplit=2), ""]
    return kind, encoded


def _read_blob(blob: bytes) -> bytes:
    """Return the 32 bytes of the key in a blob; raise Unreadable where its shape is wrong."""
    reader = Reader(blob)
    kind = reader.string()
    if kind != _TYPE.encode("ascii"):
        raise _refused_type(kind.decode("ascii", "replace"))
    raw = reader.string()
    reader.end()
    if len(raw) != _RAW_BYTES:
        raise Unreadable
    return raw


def _refused_type(name: str) -> KeyMalformed | KeyTypeUnsupported:
    """Say that a type is not taken, by its name where it looks like one."""
    if _TYPE_NAME.fullmatch(name):
        return KeyTypeUnsupported(f"Keys of type {name} are not accepted, only plain ssh-ed25519.")
    return KeyMalformed("The public key has to begin with ssh-ed25519, with no options before it.")


def _refuse_weak(raw: bytes) -> None:
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    # RFC 8032 section 5.1.3, step 1: "If the resulting value is >= p, decoding
    # fails." Otherwise a point could be written, and own a mailbox, twice.
    if y >= _P or y in _SMALL_ORDER_Y:
        raise KeyWeak
