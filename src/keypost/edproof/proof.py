"""From what a request carries to the key that its caller has proven."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from keypost.edproof.challenge import Challenges, Nonce
from keypost.edproof.public_key import PublicKey
from keypost.edproof.sshsig import SshSignature, is_armored, unwrap
from keypost.errors import ProofMissing, SignatureForeign, SignatureMalformed

VerifySignature = Callable[[PublicKey, bytes, bytes], None]
"""Check ``(key, message, 64-byte signature)`` as RFC 8032 says; raise SignatureInvalid."""

_RAW_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class RawSignature:
    """64 bytes of Ed25519 over the message itself."""

    signature: bytes

    def signed_data(self, message: bytes) -> bytes:
        """Return what ``signature`` covers when this was made over ``message``."""
        return message


Signature = SshSignature | RawSignature


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim to a key, with a challenge and a signature over it; nothing is verified yet.

    The key that an SSHSIG names is the claimed one, else SignatureForeign.
    """

    key: PublicKey
    challenge: str
    signature: Signature

    def __post_init__(self) -> None:
        if isinstance(self.signature, SshSignature) and self.signature.key != self.key:
            raise SignatureForeign

    @classmethod
    def parse(cls, *, edproof: str | None, challenge: str | None, signature: str | None) -> Self:
        """Read the three members of a request.

        ``edproof`` is the public key line, or an armored SSHSIG that speaks for
        its own key; then ``signature`` may be left out, and has to be the same
        signature where it is not. Raise ProofMissing, SignatureForeign,
        SignatureMalformed, or what ``PublicKey.parse`` raises.
        """
        claim, text, shown = _given(edproof), _given(challenge), _given(signature)
        _require(
            edproof=claim, challenge=text, signature=shown or (claim if is_armored(claim) else "")
        )
        if not is_armored(claim):
            return cls(key=PublicKey.parse(claim), challenge=text, signature=_read(shown))
        carried = SshSignature.parse(claim)
        # Two different signatures leave open which of them counts.
        if shown and _read(shown) != carried:
            raise SignatureMalformed("The edproof and the signature differ: send only one.")
        return cls(key=carried.key, challenge=text, signature=carried)


@dataclass(frozen=True, slots=True)
class Proven:
    """A key whose holder is the caller.

    ``nonce`` has to be consumed before anything happens; it is None only where
    the service was told to trust a bare key.
    """

    key: PublicKey
    nonce: Nonce | None


def prove(
    proof: Proof, *, challenges: Challenges, verify: VerifySignature, now: datetime
) -> Proven:
    """Check the challenge, then the signature over it.

    Raise SignatureInvalid, or what ``Challenges.check`` raises.
    """
    # The MAC costs a few microseconds and lets only fresh challenges of ours
    # through to the curve arithmetic, which costs many times as much. The nonce
    # is handed out only when the signature holds: whoever merely saw a challenge
    # cannot use it up.
    nonce = challenges.check(proof.challenge, proof.key, now=now)
    message = proof.challenge.encode("ascii")
    verify(proof.key, proof.signature.signed_data(message), proof.signature.signature)
    return Proven(key=proof.key, nonce=nonce)


def trust_bare_key(edproof: str | None) -> Proven:
    """Take a public key line for a proof, which it is not: for ``EDPROOF_MODE=public-key`` only.

    Raise ProofMissing, or what ``PublicKey.parse`` raises.
    """
    claim = _given(edproof)
    _require(edproof=claim)
    return Proven(key=PublicKey.parse(claim), nonce=None)


def _given(value: str | None) -> str:
    """Return a member as it was sent, or nothing where it is null or blank."""
    return value if value and not value.isspace() else ""


def _require(**members: str) -> None:
    missing = [name for name, value in members.items() if not value]
    if missing:
        raise ProofMissing(f"The request lacks {' and '.join(missing)}.")


def _read(text: str) -> Signature:
    """Read an SSHSIG or a raw signature, told apart by length: an SSHSIG never has 64 bytes."""
    blob = unwrap(text)
    if len(blob) == _RAW_BYTES and not is_armored(text):
        return RawSignature(blob)
    return SshSignature.from_blob(blob)
