"""The folder in which ``keypostd up`` keeps everything: databases, mail, letters, secrets."""

import fcntl
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from keypost_adapters.durable_file import write_durably
from keypostd.environment import SettingsInvalid

_SECRETS = ("EDPROOF_HMAC_SECRET", "CREDENTIAL_SECRET")


@dataclass(frozen=True, slots=True)
class StateFolder:
    """An existing, writable folder of ours, which no other process uses.

    ``lock`` is an open file; the kernel gives the lock back whatever ends this process.
    """

    path: Path
    lock: IO[bytes]

    @classmethod
    def prepare(cls, path: Path) -> "StateFolder":
        """Make the folder (mode 0700); raise SettingsInvalid where it cannot be written."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (path / ".lock").open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsInvalid(
                f"STATE_DIR: the folder {path} is in use by another keypostd;"
                " stop that one or choose another folder with STATE_DIR=..."
            ) from None
        except OSError as error:
            raise SettingsInvalid(
                f"STATE_DIR: the folder {path} cannot be written ({error.strerror});"
                " choose another with STATE_DIR=..."
            ) from None
        return cls(path.resolve(), lock)

    def secrets(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the secrets that are not set, making each once and keeping it (mode 0600)."""
        unset = [name for name in _SECRETS if not variables.keys() & {name, f"{name}_FILE"}]
        try:
            return {name: self._kept_secret(name) for name in unset}
        except (OSError, UnicodeDecodeError):
            raise SettingsInvalid(
                f"STATE_DIR: the secrets in {self.path / 'secrets'} cannot be read or kept there"
            ) from None

    def _kept_secret(self, name: str) -> str:
        path = self.path / "secrets" / name.lower()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            secret = secrets.token_urlsafe(32)
            # Whole or not at all: every mailbox's credentials depend on it.
            write_durably(path, secret.encode())
            return secret
