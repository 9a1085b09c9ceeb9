"""What the client asks of a key."""

from typing import Protocol


class SigningKey(Protocol):
    """A private Ed25519 key, wherever it lies.

    Anything with these two members will do: a file, an agent, a hardware
    module. The private half never has to leave it.
    """

    @property
    def public_key_line(self) -> str:
        """``ssh-ed25519 AAAA…``, one line."""

    def sign(self, message: bytes) -> str:
        """Sign these bytes as ``ssh-keygen -Y sign -n edproof`` does.

        The result is the SSHSIG in base64, with or without its armor. Raise
        KeyUnusable where the key will not sign.
        """
