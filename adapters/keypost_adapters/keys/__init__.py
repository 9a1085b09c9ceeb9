"""Ed25519 for the core."""
