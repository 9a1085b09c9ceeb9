"""Where a key's passphrase comes from."""

import os
import sys
from getpass import getpass
from pathlib import Path

from keypost_client.errors import KeyUnusable


def passphrase(path: Path) -> bytes:
    """Take KEYPOST_KEY_PASSPHRASE, or ask a person; raise KeyUnusable where there is none."""
    given = os.environ.get("KEYPOST_KEY_PASSPHRASE")
    if given is not None:
        return given.encode()
    if sys.stdin is not None and sys.stdin.isatty():
        return getpass(f"Passphrase of {path}: ", stream=sys.stderr).encode()
    raise KeyUnusable(
        f"{path} is protected by a passphrase.",
        fix="Add the key to ssh-agent with `ssh-add`, or set KEYPOST_KEY_PASSPHRASE.",
    )
