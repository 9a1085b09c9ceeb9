"""A private key in a file, as ``ssh-keygen -t ed25519`` writes it."""

import base64
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from keypost_client.errors import KeyUnusable
from keypost_client.keys.public_key import PublicKey
from keypost_client.keys.sshsig import envelope, signed_data
from keypost_client.keys.strings import Reader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class FileKey:
    """A private key file, whose public half is known without its passphrase."""

    path: Path
    public_key: PublicKey
    encrypted: bool
    content: bytes = field(repr=False)
    passphrase: Callable[[Path], bytes] = field(repr=False)

    @classmethod
    def load(cls, path: Path, passphrase: Callable[[Path], bytes]) -> Self:
        """Read the file; raise KeyUnusable where it is no private Ed25519 key."""
        content = read_key_file(path)
        public_key, encrypted = _outside(path, content)
        return cls(path, public_key, encrypted, content, passphrase)

    @property
    def where(self) -> str:
        """The file's name."""
        return str(self.path)

    @property
    def public_key_line(self) -> str:
        """The public half, without a comment."""
        return self.public_key.line

    def insist_on_privacy(self) -> None:
        """Refuse what ssh refuses: our own key file that others may read or change."""
        if os.name != "posix":
            return
        status = self.path.stat()
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            raise KeyUnusable(
                f"The private key {self.path} is open to other users.",
                fix=f"Run: chmod 600 {self.path}",
            )

    def sign(self, message: bytes) -> str:
        """Sign; ask for the passphrase the first time where there is one."""
        return envelope(self.public_key, self._private.sign(signed_data(message)))

    @cached_property
    def _private(self) -> "Ed25519PrivateKey":
        private = self._opened()
        # The public half outside the encryption is anyone's claim; signing
        # under another key's name would prove nothing, and confuse.
        if private.public_key().public_bytes_raw() != self.public_key.raw:
            raise KeyUnusable(f"The two halves in {self.path} do not belong together.")
        return private

    def _opened(self) -> "Ed25519PrivateKey":
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to import
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_ssh_private_key,
        )

        self.insist_on_privacy()
        password = self.passphrase(self.path) if self.encrypted else None
        try:
            private = load_ssh_private_key(self.content, password)
        except UnsupportedAlgorithm as error:
            raise KeyUnusable(
                f"{self.path} is protected in a way that cannot be opened here ({error}).",
                fix="Add the key to ssh-agent with `ssh-add`, or install Python's bcrypt.",
            ) from error
        except (TypeError, ValueError) as error:
            raise self._not_opened() from error
        if not isinstance(private, Ed25519PrivateKey):
            raise self._not_opened()
        return private

    def _not_opened(self) -> KeyUnusable:
        if self.encrypted:
            return KeyUnusable(f"The passphrase does not open {self.path}.")
        return KeyUnusable(f"{self.path} is damaged.")


def read_key_file(path: Path) -> bytes:
    """Read a private or public key file; raise KeyUnusable where that is not possible."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be read: {error.strerror}.") from error


def _outside(path: Path, content: bytes) -> tuple[PublicKey, bool]:
    """Read what is not encrypted (OpenSSH's PROTOCOL.key): the public half, and whether."""
    begin, _, rest = content.strip().partition(b"\n")
    if begin.strip() != _BEGIN or not rest.endswith(_END):
        raise KeyUnusable(
            f"{path} is not an OpenSSH private key.",
            fix="`ssh-keygen -t ed25519` makes one; `ssh-keygen -p` rewrites an old one.",
        )
    try:
        return _parse(base64.b64decode(b"".join(rest.removesuffix(_END).split()), validate=True))
    except ValueError as error:
        raise KeyUnusable(f"{path} is damaged.") from error


def _parse(blob: bytes) -> tuple[PublicKey, bool]:
    reader = Reader(blob)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("not openssh-key-v1")
    cipher, _kdf, _kdf_options = reader.string(), reader.string(), reader.string()
    if reader.uint32() != 1:
        raise ValueError("not exactly one key")
    return PublicKey.from_blob(reader.string()), cipher != b"none"
