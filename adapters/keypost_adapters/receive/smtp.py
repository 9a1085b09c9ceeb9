"""SMTP in: aiosmtpd's engine, with its loose ends tied.

aiosmtpd speaks the protocol; what is replaced here is how it reads paths and
data, and that its replies carry no enhanced status codes (RFC 3463).
"""

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from keypost_adapters.receive.addresses import PathMalformed, Recipient, split_path
from keypost_adapters.receive.failures import report
from keypost_adapters.receive.limits import Limits
from keypost_adapters.receive.reception import (
    ACCEPTED,
    STORED,
    Mail,
    Reception,
    Refused,
    answer_to,
)

_LONGEST_LINE = 256 * 1024
_LONGEST_COMMAND = 1024
_MOST_RECIPIENTS = 100
_GOING_DOWN = b"421 4.3.2 Server is going down\r\n"
_TOO_MANY = b"421 4.3.2 Too many connections, try again later\r\n"
_TOO_SLOW = b"421 4.4.2 Timed out\r\n"
_TOO_BIG = "552 5.3.4 Message is too big"
_CODE = re.compile(r"([245])(\d\d)([ -])(?!\d\.\d)")
_ENHANCED = {
    "250": "2.0.0",
    "221": "2.0.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "552": "5.3.4",
    "555": "5.5.4",
}


class Handler:
    """aiosmtpd's hooks: they decide, and remember what they decided in the envelope."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        """Announce what holds (RFC 2034, RFC 2920)."""
        del server, envelope
        session.host_name = hostname
        return [*replies[:-1], "250-ENHANCEDSTATUSCODES", "250-PIPELINING", "250 HELP"]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, path: str, options: list[str]
    ) -> str:
        """Say whether mail for the path is taken."""
        del server, session, options
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            recipient = Recipient.parse(path)
        except PathMalformed:
            return "553 5.1.3 That is not an address"
        size = _declared_size(envelope.mail_options)
        admission = self._reception.admit(recipient, declared_size=size)
        answer = await _answer(admission, ACCEPTED, failure="recipient_not_checked")
        if answer == ACCEPTED:
            envelope.rcpt_tos.append(path)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the message; the reply 250 means that it is on disk."""
        del server
        mail = Mail(
            helo=session.host_name or "",
            is_extended=session.extended_smtp,
            peer=_peer(session),
            sender=_sender(envelope),
            recipients=[Recipient.parse(path) for path in envelope.rcpt_tos],
            content=bytes(envelope.original_content or b""),
        )
        return await _answer(self._reception.take(mail), STORED, failure="mail_not_stored")

    async def handle_exception(self, error: Exception) -> str:
        """Answer what nobody foresaw; the sender tries again."""
        report("smtp_command_failed", error)
        return answer_to(error)


class Protocol(SMTP):
    """One SMTP connection."""

    line_length_limit = _LONGEST_LINE

    def __init__(
        self,
        handler: Handler,
        *,
        open_now: "set[Protocol]",
        max_message_bytes: int,
        hostname: str,
        limits: Limits,
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=max_message_bytes,
            hostname=hostname,
            ident="Keypost",
            timeout=limits.smtp_idle,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd's own limits are shared by all connections, and grow with each EHLO.
        self.command_size_limits = defaultdict(lambda: _LONGEST_COMMAND)
        self._max_message_bytes = max_message_bytes
        self._open_now = open_now
        self._limits = limits
        self._greets = False
        self._takes_data = False

    async def go_away(self) -> None:
        """Say goodbye (RFC 5321 3.8) and wait until the session has ended."""
        session = self._handler_coroutine
        self._hang_up(_GOING_DOWN)
        if session:
            await asyncio.gather(session, return_exceptions=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection, so that a stop can end it; turn away one that is too many."""
        if len(self._open_now) >= self._limits.connections:
            transport.set_protocol(asyncio.Protocol())
            _say_goodbye(transport, _TOO_MANY)
            return
        self._open_now.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take note that a client that sends a message is not idle (RFC 5321 4.5.3.2.5)."""
        if self._takes_data:
            self._reset_timeout()
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._open_now.discard(self)
        super().connection_lost(error)

    def _timeout_cb(self) -> None:
        # aiosmtpd's own says nothing, and waits for ever for a client that reads nothing.
        self._hang_up(_TOO_SLOW)

    def _hang_up(self, words: bytes) -> None:
        if self.transport is not None:
            _say_goodbye(self.transport, words)
            self.loop.call_later(self._limits.goodbye, self._abort)

    def _abort(self) -> None:
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    async def push(self, status: str | bytes) -> None:
        """Send a reply, with an enhanced status code where it has none (RFC 2034 4)."""
        text = status.decode("ascii") if isinstance(status, bytes) else status
        if not self._is_greeting(text):
            text = _CODE.sub(_with_enhanced_code, text, count=1)
        await super().push(text)

    def _is_greeting(self, text: str) -> bool:
        # RFC 2034 4: neither the greeting nor the answers to HELO and EHLO.
        return text[:3] in ("220", "354") or self._greets

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer HELO without enhanced codes."""
        await self._greet(super().smtp_HELO(hostname))

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Answer EHLO without enhanced codes."""
        await self._greet(super().smtp_EHLO(hostname))

    async def _greet(self, answer: Any) -> None:  # noqa: ANN401 - a coroutine of aiosmtpd
        self._greets = True
        try:
            await answer
        finally:
            self._greets = False

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Tell nothing about any address (RFC 5321 7.3)."""
        del arg
        await self.push("252 2.5.0 Cannot VRFY user")

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Offer no submission."""
        del arg
        await self.push("502 5.5.1 AUTH is not offered")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Take a message (RFC 5321 4.1.1.4)."""
        if await self.check_helo_needed():
            return
        envelope = cast("Envelope", self.envelope)
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 Send RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            envelope.original_content = await self._read_message()
            status = await self._call_handler_hook("DATA")
        except Refused as refused:
            status = str(refused)
        finally:
            self.envelope = self._create_envelope()
        await self.push(status)

    async def _read_message(self) -> bytes:
        """Read to ``<CRLF>.<CRLF>`` and take the dots away (RFC 5321 4.5.2).

        Only a whole ``.<CRLF>`` after a CRLF ends it: a bare LF or CR is part
        of a line here. What is refused is read to its end nevertheless.
        """
        self._takes_data = True
        message = bytearray()
        refusal = ""
        while (line := await self._read_data_line()) != b".\r\n":
            if line is None:
                refusal, line = "500 5.5.2 Line too long", b""
            message += line[1:] if line.startswith(b".") else line
            if len(message) > self._max_message_bytes:
                refusal = refusal or _TOO_BIG
            if refusal:
                message.clear()
        self._takes_data = False
        if refusal:
            raise Refused(refusal)
        return bytes(message)

    async def _read_data_line(self) -> bytes | None:
        """Return a line with its CRLF, or None for one that is too long."""
        is_whole = True
        while True:
            try:
                line = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:
                is_whole = False
                await self._reader.readexactly(overrun.consumed)
            else:
                return line if is_whole else None

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # Replaces aiosmtpd's lenient reading (comments, folding, source routes
        # dropped without a word) by RFC 5321's grammar.
        try:
            path, parameters = split_path(arg)
            if path:
                Recipient.parse(path)
        except PathMalformed:
            return None, None
        # aiosmtpd takes an empty string for "no MAIL command yet".
        return path or "<>", parameters


class SmtpServer:
    """Listens for mail."""

    def __init__(self, reception: Reception, *, max_message_bytes: int, limits: Limits) -> None:
        self._protocols: set[Protocol] = set()
        self._factory = partial(
            Protocol,
            Handler(reception),
            open_now=self._protocols,
            max_message_bytes=max_message_bytes,
            hostname=reception.hostname,
            limits=limits,
        )
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        # aiosmtpd logs whole addresses and every line of data.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._factory, host=host, port=port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Say goodbye to every client and wait until all are gone (RFC 5321 3.8).

        Those who do not listen are cut off.
        """
        if self._server is None:
            return
        self._server.close()
        await asyncio.gather(*(protocol.go_away() for protocol in tuple(self._protocols)))
        await self._server.wait_closed()


async def _answer(work: Awaitable[object], success: str, *, failure: str) -> str:
    """Return the reply to a command; ``failure`` is the event where it fails through us."""
    try:
        await work
    except Refused as refused:
        return str(refused)
    except Exception as error:  # noqa: BLE001 - no failure of ours may bounce mail
        report(failure, error)
        return answer_to(error)
    return success


def _say_goodbye(transport: asyncio.BaseTransport, words: bytes) -> None:
    # Not isinstance: uvloop's transports are none of asyncio's classes.
    cast("asyncio.Transport", transport).write(words)
    transport.close()


def _with_enhanced_code(match: re.Match[str]) -> str:
    code = match[1] + match[2]
    return f"{code}{match[3]}{_ENHANCED.get(code, f'{match[1]}.0.0')} "


def _declared_size(mail_options: Sequence[str]) -> int | None:
    sizes = [option[5:] for option in mail_options if option.startswith("SIZE=")]
    return int(sizes[0]) if sizes else None


def _sender(envelope: Envelope) -> str:
    return "" if envelope.mail_from == "<>" else str(envelope.mail_from)


def _peer(session: Session) -> str:
    host = str(session.peer[0]) if session.peer else "unknown"
    return f"IPv6:{host}" if ":" in host else host
