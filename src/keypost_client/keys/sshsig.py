"""SSHSIG, the signature format of ``ssh-keygen -Y sign`` (OpenSSH's PROTOCOL.sshsig)."""

import base64
import hashlib

from keypost_client.keys.public_key import KEY_TYPE, PublicKey
from keypost_client.keys.strings import string

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
# The namespace keeps a proof for Keypost from being a signature under anything
# else that this key signs, commits for example, and the other way round.
_NAMESPACE = b"edproof"
_RESERVED = b""
_HASH = b"sha512"


def signed_data(message: bytes) -> bytes:
    """Give the bytes that the key itself has to sign."""
    digest = hashlib.sha512(message).digest()
    return _MAGIC + _header() + string(digest)


def envelope(public_key: PublicKey, signature: bytes) -> str:
    """Wrap the key's 64 bytes; one line of base64, without armor."""
    inner = string(KEY_TYPE) + string(signature)
    blob = _MAGIC + _VERSION + string(public_key.blob) + _header() + string(inner)
    return base64.b64encode(blob).decode()


def _header() -> bytes:
    return string(_NAMESPACE) + string(_RESERVED) + string(_HASH)
