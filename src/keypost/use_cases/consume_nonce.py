"""Use up a proof, so that it opens nothing a second time."""

from keypost.edproof.proof import Proven
from keypost.ports import NonceStore


async def consume_nonce(nonces: NonceStore, proven: Proven) -> None:
    """Consume the proof's nonce; raise ChallengeUsed. A bare key has none to consume."""
    if proven.nonce is not None:
        await nonces.consume(proven.nonce.value, expires_at=proven.nonce.expires_at)
