"""Make a key."""

from pathlib import Path

from keypost_client.keys.publish import publish


def make_key(path: Path) -> None:
    """Write a new Ed25519 private key, readable by nobody else; FileExistsError if there is one."""
    from cryptography.hazmat.primitives import serialization as s  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, s.NoEncryption())
    publish(path, content, mode=0o600)
