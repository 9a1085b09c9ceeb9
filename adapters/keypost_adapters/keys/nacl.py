"""VerifySignature over PyNaCl.

libsodium and no other: it refuses small-order and non-canonical keys and
points and a scalar that is not reduced, where OpenSSL (and so ``cryptography``)
lets small-order keys pass.
"""

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from keypost.edproof.public_key import PublicKey
from keypost.errors import SignatureInvalid


def verify_ed25519(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Check a 64-byte signature as RFC 8032 section 5.1.7 says.

    Raise SignatureInvalid for whatever libsodium refuses, lengths included.
    """
    try:
        VerifyKey(key.raw).verify(message, signature)
    except CryptoError:
        raise SignatureInvalid from None
