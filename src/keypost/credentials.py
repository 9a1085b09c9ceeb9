"""Credentials that are derived, never stored.

The IMAP password and the access token are HMACs of one master secret over what
they are for, so resolving reads and computes and writes nothing. The database
holds digests only. Raising a mailbox's generation revokes both.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha512

from keypost.mailbox import Mailbox

SECRET_BYTES = 32
_TOKEN_PREFIX = "kpa_"  # noqa: S105 - lets secret scanners and people recognise a token


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens one mailbox over IMAP (``username``, ``password``) and over HTTP (``access_token``)."""

    username: str
    password: str = field(repr=False)
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialDeriver:
    """Derives credentials from a master secret of at least 32 bytes."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(f"the credential secret needs at least {SECRET_BYTES} bytes")

    def derive(self, mailbox: Mailbox) -> Credentials:
        """Return the credentials of the mailbox's current generation."""
        return Credentials(
            username=mailbox.username,
            password=self._derive("imap-password", mailbox),
            access_token=_TOKEN_PREFIX + self._derive("access-token", mailbox),
        )

    def _derive(self, purpose: str, mailbox: Mailbox) -> str:
        # NUL ends each part, so that no two triples share a spelling.
        subject = f"keypost\0{purpose}\0{mailbox.id}\0{mailbox.generation}"
        mac = hmac.digest(self.secret, subject.encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()


def token_digest(token: str) -> str:
    """Return what the database keeps of an access token.

    A plain SHA-512 is right here: a derived secret has 256 bits of entropy, so
    there is nothing that a slow hash could protect from guessing.
    """
    return sha512(token.encode()).hexdigest()


def dovecot_digest(password: str) -> str:
    """Return the password's digest as Dovecot's ``{SHA512.HEX}`` scheme spells it."""
    return "{SHA512.HEX}" + sha512(password.encode()).hexdigest()


def password_matches(password: str, digest: str) -> bool:
    """Compare a password with a ``{SHA512.HEX}`` digest in constant time."""
    return hmac.compare_digest(dovecot_digest(password).encode(), digest.encode())
