"""What every command has: the server, the key, the way to show things."""

# ruff: noqa: T201 - what it prints is what it is for

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keypost_client.keys.choice import LocalKey, find_key, find_or_make_key
from keypost_client.terminal.output import Output

if TYPE_CHECKING:
    from keypost_client.client import Keypost
    from keypost_client.keys.key_file import FileKey


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command."""

    url: str | None
    key: str | None
    output: Output

    def connect(self) -> "Keypost":
        """Talk to the server with the key that is there."""
        return self._connect(self.local_key())

    def connect_with_new_key(self) -> "Keypost":
        """Talk to the server; make a key where there is none."""
        return self._connect(find_or_make_key(self.key, announce=_announce))

    def local_key(self) -> LocalKey:
        """Find the key without asking the server anything."""
        return find_key(self.key)

    def _connect(self, key: LocalKey) -> "Keypost":
        from keypost_client.client import Keypost  # noqa: PLC0415 - httpx is slow to import

        return Keypost(key, url=self.url, sleep=_wait)


def _announce(key: "FileKey") -> None:
    print(
        f"keypost: made a new key in {key.where}. Keep it: whoever has it has the mailbox.",
        file=sys.stderr,
    )


def _wait(seconds: float) -> None:
    print(f"keypost: the server is busy; trying again in {seconds:.0f} s.", file=sys.stderr)
    time.sleep(seconds)
