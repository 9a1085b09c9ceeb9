"""Put a file in place whole, or not at all."""

import os
import secrets
from pathlib import Path


def publish(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file in a folder that is only ours; FileExistsError where there is one.

    The content is written under another name first and then linked, so that
    of two processes one wins, and nobody ever reads half a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()
