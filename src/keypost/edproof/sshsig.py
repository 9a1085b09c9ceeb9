"""Signatures of ``ssh-keygen -Y sign``, as OpenSSH's PROTOCOL.sshsig describes them."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

from keypost.edproof.public_key import PublicKey
from keypost.edproof.wire import Reader, Unreadable, from_base64, string
from keypost.errors import KeyMalformed, SignatureMalformed

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
# The namespace keeps a signature that was made for files or git commits from
# opening a mailbox, and the other way round.
_NAMESPACE: Final = b"edproof"
_HASHES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_TYPE: Final = b"ssh-ed25519"
_SIGNATURE_BYTES: Final = 64

_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_WHITE: Final = " \t\r\n"
_WITHOUT_WHITE: Final = str.maketrans("", "", _WHITE)
# A good signature has 177 bytes, 324 characters with its armor. The cap leaves
# room for one of RSA with 4096 bits, to answer it with the type's name.
_TEXT_CAP: Final = 2048


@dataclass(frozen=True, slots=True)
class SshSignature:
    """One SSHSIG: who signed, how the message was hashed, and the 64 bytes.

    Nothing is verified yet: the key is what the signature says of itself.
    """

    key: PublicKey
    hash_algorithm: str
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a signature as printed, or without armor, or with its lines joined.

        Raise as ``from_blob`` does, and SignatureMalformed for bad armor or base64.
        """
        return cls.from_blob(unwrap(text))

    @classmethod
    def from_blob(cls, blob: bytes) -> Self:
        """Read the bytes below the armor.

        Raise SignatureMalformed, KeyTypeUnsupported where another type of key
        signed, or KeyWeak.
        """
        reader = Reader(blob)
        try:
            _read_preamble(reader)
            key = _read_key(reader)
            _read_namespace(reader)
            hash_algorithm = _read_hash(reader)
            signature = _read_signature(reader)
            reader.end()
        except Unreadable:
            raise SignatureMalformed("The signature is cut short or too long.") from None
        return cls(key=key, hash_algorithm=hash_algorithm, signature=signature)

    def signed_data(self, message: bytes) -> bytes:
        """Return what ``signature`` covers when this was made over ``message``."""
        digest = _HASHES[self.hash_algorithm](message).digest()
        words = (_NAMESPACE, b"", self.hash_algorithm.encode("ascii"), digest)
        return _MAGIC + b"".join(map(string, words))


def is_armored(text: str) -> bool:
    """Tell whether a text begins as an armored signature does."""
    return text.lstrip(_WHITE).startswith(_BEGIN)


def unwrap(text: str) -> bytes:
    """Return the bytes of a signature in base64, with or without armor.

    White space may stand anywhere, as line wrapping is up to the tool that
    wrote the text; apart from it the base64 has one spelling. Raise
    SignatureMalformed.
    """
    if len(text) > _TEXT_CAP:
        raise SignatureMalformed("The signature is too long for one of an ssh-ed25519 key.")
    try:
        return from_base64(_without_armor(text.strip(_WHITE)).translate(_WITHOUT_WHITE))
    except Unreadable:
        raise SignatureMalformed("The signature is not clean base64.") from None


def _without_armor(text: str) -> str:
    if not text.startswith(_BEGIN):
        return text
    if not text.endswith(_END):
        raise SignatureMalformed("The signature does not end with its END SSH SIGNATURE line.")
    return text.removeprefix(_BEGIN).removesuffix(_END)


def _read_preamble(reader: Reader) -> None:
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise SignatureMalformed("The signature is neither an SSHSIG nor 64 bytes in base64.")
    if reader.uint32() != _VERSION:
        raise SignatureMalformed("Only version 1 of the SSHSIG format is accepted.")


def _read_key(reader: Reader) -> PublicKey:
    blob = reader.string()
    try:
        return PublicKey.from_blob(blob)
    except KeyMalformed:
        raise SignatureMalformed("The public key inside the signature cannot be read.") from None


def _read_namespace(reader: Reader) -> None:
    if reader.string() != _NAMESPACE:
        raise SignatureMalformed(
            "The signature was made for another namespace: "
            "sign with `ssh-keygen -Y sign -n edproof`."
        )
    # OpenSSH ignores what stands here. Nobody writes it, so that it stays empty
    # keeps one signature from having many spellings.
    if reader.string():
        raise SignatureMalformed("The reserved field of the signature has to be empty.")


def _read_hash(reader: Reader) -> str:
    name = reader.string().decode("ascii", "replace")
    if name not in _HASHES:
        raise SignatureMalformed("The hash of the signature has to be sha256 or sha512.")
    return name


def _read_signature(reader: Reader) -> bytes:
    """Read the 64 bytes of RFC 8709 section 6."""
    inner = Reader(reader.string())
    if inner.string() != _TYPE:
        raise SignatureMalformed("The signature inside is not of type ssh-ed25519.")
    signature = inner.string()
    inner.end()
    if len(signature) != _SIGNATURE_BYTES:
        raise SignatureMalformed("An ssh-ed25519 signature has 64 bytes, this one has not.")
    return signature
