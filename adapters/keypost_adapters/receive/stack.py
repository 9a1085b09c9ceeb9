"""The receive stack of local mode: SMTP in, Maildir on disk, IMAP out.

One event loop, loopback only. Postfix and Dovecot replace it by settings, over
the same tables and the same Maildir.
"""

import asyncio
import ipaddress
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from keypost.ports import Clock, ReceiveDirectory
from keypost_adapters.receive.imap import ImapServer
from keypost_adapters.receive.limits import Limits
from keypost_adapters.receive.mailroom import Mailroom
from keypost_adapters.receive.reception import Reception
from keypost_adapters.receive.smtp import SmtpServer

MAX_MESSAGE_BYTES = 25 * 1024 * 1024

Address = tuple[str, int]
"""A loopback host and a port; port 0 is any that is free."""


class ReceiveStack:
    """Runs between ``start()`` and ``stop()``, or as an async context manager.

    ``smtp_port`` and ``imap_port`` are the bound ports once it runs. A host
    that is not loopback (127.0.0.0/8, ``::1`` or ``localhost``) raises
    ValueError, a taken port OSError.
    """

    def __init__(  # noqa: PLR0913 - all but three have defaults
        self,
        directory: ReceiveDirectory,
        *,
        clock: Clock,
        mail_root: Path,
        smtp: Address = ("127.0.0.1", 2525),
        imap: Address = ("127.0.0.1", 1143),
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
    ) -> None:
        for host, _ in (smtp, imap):
            _require_loopback(host)
        self._mailroom = Mailroom(mail_root, clock=clock)
        reception = Reception(directory, self._mailroom, clock, hostname=socket.gethostname())
        self._smtp = SmtpServer(reception, max_message_bytes=max_message_bytes, limits=limits)
        self._imap = ImapServer(directory, self._mailroom, clock=clock, limits=limits)
        self._smtp_address, self._imap_address = smtp, imap
        self.smtp_port, self.imap_port = smtp[1], imap[1]

    async def start(self) -> None:
        """Listen on both ports, or on none."""
        try:
            self.imap_port = await self._imap.start(*self._imap_address)
            self.smtp_port = await self._smtp.start(*self._smtp_address)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every session politely; mail that is being stored is stored.

        A client that does not listen is waited for ``Limits.goodbye`` seconds.
        """
        await asyncio.gather(self._smtp.stop(), self._imap.stop())
        await self._mailroom.drained()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


def _require_loopback(host: str) -> None:
    # The stack trusts its network: no TLS, no limits on guessing.
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ValueError(
            "The embedded receive stack listens on loopback addresses only, such as 127.0.0.1 or ::1."
        )
