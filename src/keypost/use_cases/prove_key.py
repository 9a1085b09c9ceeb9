"""Issue challenges, and tell from a shown proof whose key it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from keypost.edproof.challenge import LIFETIME, Challenges
from keypost.edproof.proof import Proof, Proven, VerifySignature, prove, trust_bare_key
from keypost.edproof.public_key import PublicKey
from keypost.ports import Clock, RandomBytes

_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class ShownProof:
    """What a caller shows: three texts, each of which may be missing."""

    edproof: str | None = None
    challenge: str | None = None
    signature: str | None = None


ProveKey = Callable[[ShownProof], Proven]
"""Tell whose key was proven; raise Malformed or Unproven facts. The nonce is not yet consumed."""


@dataclass(frozen=True, slots=True)
class IssuedChallenge:
    """The text to sign and how long it is good for."""

    text: str
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class IssueChallenge:
    """Issue a challenge for a public key. Nothing is stored until it is used."""

    challenges: Challenges
    clock: Clock
    random: RandomBytes

    def __call__(self, public_key: str) -> IssuedChallenge:
        """Return a fresh challenge; raise KeyMalformed, KeyTypeUnsupported or KeyWeak."""
        key = PublicKey.parse(public_key)
        text = self.challenges.issue(key, now=self.clock(), nonce=self.random(_NONCE_BYTES))
        return IssuedChallenge(text=text, lifetime=LIFETIME)


@dataclass(frozen=True, slots=True)
class ProveByChallenge:
    """A ProveKey that wants a signed challenge."""

    challenges: Challenges
    verify: VerifySignature
    clock: Clock

    def __call__(self, shown: ShownProof) -> Proven:
        """Check the signed challenge."""
        proof = Proof.parse(
            edproof=shown.edproof, challenge=shown.challenge, signature=shown.signature
        )
        return prove(proof, challenges=self.challenges, verify=self.verify, now=self.clock())


def prove_by_bare_key(shown: ShownProof) -> Proven:
    """Take the public key line for a proof: ``EDPROOF_MODE=public-key``, which is unsafe."""
    return trust_bare_key(shown.edproof)
