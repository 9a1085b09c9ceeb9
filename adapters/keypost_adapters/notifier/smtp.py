"""Letters over SMTP submission (RFC 6409), with the standard library's client in a thread."""

import asyncio
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default

from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost.ports import Clock
from keypost_adapters.notifier.deadline import DEADLINE
from keypost_adapters.notifier.mime import as_message
from keypost_adapters.notifier.sendable import require_sendable
from keypost_adapters.notifier.sender import Sender
from keypost_adapters.notifier.smtp_server import Protection, SmtpServer

# They pass everywhere; a relay without 8BITMIME (RFC 6152) would spoil eight.
_SEVEN_BITS = default.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpNotifier:
    """Notifier over SMTP.

    SMTP has no idempotency keys: a letter whose acceptance got lost is sent
    again. The key is the Message-ID, by which mail programs recognise the
    duplicate.
    """

    server: SmtpServer
    sender: Sender
    clock: Clock
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    deadline: float = DEADLINE

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        """Hand the letter over; the server says 250 after its last line.

        Every refusal is NotifierUnavailable, a permanent one too: only an
        operator can tell, and the outbox gives up in the end.
        """
        require_sendable(letter, idempotency_key=idempotency_key)
        line = _Line()
        try:
            async with asyncio.timeout(self.deadline):
                await asyncio.to_thread(self._hand_in, self._message(letter, idempotency_key), line)
        except TimeoutError:
            raise NotifierUnavailable("The SMTP server did not answer in time.") from None
        except (OSError, ValueError) as error:
            # Not chained: smtplib's errors quote addresses and the server's own words.
            raise NotifierUnavailable(_sentence(error)) from None
        finally:
            line.cut()

    def _message(self, letter: Letter, idempotency_key: str) -> EmailMessage:
        message = as_message(letter, _SEVEN_BITS)
        message["From"] = self.sender.header
        message["Date"] = self.clock()
        message["Message-ID"] = f"<{idempotency_key}@{self.sender.address.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        return message

    def _hand_in(self, message: EmailMessage, line: "_Line") -> None:
        smtp = self._connected()
        try:
            line.take(smtp)
            if self.server.protection is Protection.STARTTLS:
                smtp.starttls(context=self.tls)
            line.require()
            if self.server.login is not None:
                smtp.login(self.server.login.user, self.server.login.password)
            smtp.send_message(message)
            # What the server says to QUIT cannot undo its 250, so nobody waits for it.
            with suppress(OSError):
                smtp.putcmd("QUIT")
        finally:
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        # The name in EHLO is given, since smtplib would ask DNS for this host's.
        host, port, name = self.server.host, self.server.port, self.sender.address.domain
        if self.server.protection is Protection.TLS:
            return smtplib.SMTP_SSL(
                host, port, local_hostname=name, timeout=self.deadline, context=self.tls
            )
        return smtplib.SMTP(host, port, local_hostname=name, timeout=self.deadline)


class _Line:
    """A connection that the event loop can cut while a thread waits on it.

    Without it a thread whose letter was given up would live on, and could
    still deliver it.
    """

    def __init__(self) -> None:
        self._smtp: smtplib.SMTP | None = None
        self._is_cut = False

    def take(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp
        self.require()

    def require(self) -> None:
        if self._is_cut:
            raise smtplib.SMTPServerDisconnected

    def cut(self) -> None:
        self._is_cut = True
        sock = self._smtp.sock if self._smtp else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _sentence(error: OSError | ValueError) -> str:
    match error:
        case smtplib.SMTPResponseException(smtp_code=int(status)) if status > 0:
            return f"The SMTP server answered {status}."
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            return f"The SMTP server refused the recipient with {max(refused.values())[0]}."
        case smtplib.SMTPNotSupportedError():
            return "The SMTP server does not offer the STARTTLS or AUTH that is required."
        case ssl.SSLError():
            return "The SMTP server's TLS could not be trusted."
        case _:
            return "The SMTP server could not be reached, or hung up."
