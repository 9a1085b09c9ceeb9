"""The public half: the mailbox's identity."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

from keypost_client.errors import KeyUnusable
from keypost_client.keys.strings import Reader, string

KEY_TYPE = b"ssh-ed25519"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One Ed25519 public key: 32 bytes, and nothing about whose it is."""

    raw: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line like ``ssh-ed25519 AAAA… comment``; raise KeyUnusable otherwise."""
        words = line.split(maxsplit=2)
        if len(line.splitlines()) != 1 or len(words) < 2:  # noqa: PLR2004 - type and key
            raise KeyUnusable("That is not one public key line.")
        try:
            return cls.from_blob(base64.b64decode(words[1], validate=True))
        except ValueError as error:
            raise KeyUnusable("The public key line cannot be read.") from error

    @classmethod
    def from_blob(cls, blob: bytes) -> Self:
        """Read the key as SSH sends it (RFC 8709 section 4).

        Raise KeyUnusable, naming the type, for a key that is no plain Ed25519
        key, and ValueError for bytes that are no key.
        """
        reader = Reader(blob)
        kind = reader.string()
        if kind != KEY_TYPE:
            raise KeyUnusable(
                f"This is a key of type {kind.decode('ascii', 'replace')[:64]!r}.",
                fix="Use an Ed25519 key: `ssh-keygen -t ed25519` makes one.",
            )
        raw = reader.string()
        reader.end()
        if len(raw) != _KEY_BYTES:
            raise ValueError("the key has not 32 bytes")
        return cls(raw)

    @property
    def blob(self) -> bytes:
        """The key as SSH sends it."""
        return string(KEY_TYPE) + string(self.raw)

    @property
    def line(self) -> str:
        """The key as a line, without a comment: a name and a host are nobody's business."""
        return f"{KEY_TYPE.decode()} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as OpenSSH shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.decode().rstrip("=")
