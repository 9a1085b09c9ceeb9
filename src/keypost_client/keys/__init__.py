"""SSH Ed25519 keys: where they lie, how they sign, which one it is."""
