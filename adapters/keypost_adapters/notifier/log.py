"""A notifier that sends nothing: letters go to a folder and to the log.

The letter itself, with its payment link, is a file for its owner's eyes; the
log says only that and where it was written.
"""

import asyncio
from dataclasses import dataclass
from email.policy import default
from pathlib import Path

import structlog

from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost_adapters.durable_file import write_durably
from keypost_adapters.notifier.mime import as_message
from keypost_adapters.notifier.sendable import require_sendable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogNotifier:
    """Notifier over a folder of .eml files, one per idempotency key."""

    folder: Path

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        """Write the letter; sending it again replaces it by itself."""
        require_sendable(letter, idempotency_key=idempotency_key)
        path = self.folder / f"{idempotency_key}.eml"
        try:
            await asyncio.to_thread(self._write, path, bytes(as_message(letter, default)))
        except OSError as error:
            raise NotifierUnavailable(
                f"The letter could not be written: {error.strerror}."
            ) from error
        _log.info("letter_written", to=letter.to.masked, file=str(path))

    def _write(self, path: Path, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, content)
