"""Write a file so that it is there whole after a crash, or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def write_durably(path: Path, content: bytes) -> None:
    """Replace ``path`` (mode 0600) with the content; it is on disk when this returns.

    Where this raises, nothing is left beside it, and what was there before is
    there still unless only the folder could not be made durable.
    """
    # A name of its own, so that two who write the same file do not share a part.
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        # On a full disk each part that stays makes it fuller.
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable: a rename is not, until its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
