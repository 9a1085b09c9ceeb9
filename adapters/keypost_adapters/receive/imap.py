"""IMAP out: pymap's engine over our mailboxes.

pymap parses commands and writes responses; replaced here are its logins, its
logging (which would show passwords) and the way it waits in IDLE.
"""

import asyncio
import ssl
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from proxyprotocol.sock import SocketInfo
from pymap.concurrent import Subsystem
from pymap.config import BackendCapability, IMAPConfig
from pymap.context import subsystem
from pymap.imap import IMAPConnection
from pymap.imap.state import ConnectionState
from pymap.interfaces.login import LoginInterface
from pymap.interfaces.session import SessionInterface
from pymap.parsing import Params
from pymap.parsing.command import Command, CommandAuth
from pymap.parsing.command.any import LogoutCommand
from pymap.parsing.command.select import FetchCommand, IdleCommand
from pymap.parsing.commands import Commands
from pymap.parsing.response import (
    CommandResponse,
    Response,
    ResponseBad,
    ResponseBye,
    ResponseCode,
    ResponseContinuation,
    ResponseNo,
    ResponseOk,
)
from pymap.parsing.state import ExpectContinuation, ParsingInterrupt
from pymap.selected import SelectedMailbox
from pysasl import SASLAuth
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import BuiltinHash
from pysasl.mechanism.plain import PlainMechanism

from keypost.ports import Clock, ReceiveDirectory
from keypost_adapters.receive.imap_access import Access
from keypost_adapters.receive.imap_fetch import FetchLine, FetchPlan, is_offered
from keypost_adapters.receive.imap_message import Message
from keypost_adapters.receive.imap_session import InboxSession
from keypost_adapters.receive.mailroom import Mailroom

log = structlog.get_logger()

_LONGEST_LINE = 1024 * 1024
_LONGEST_LITERAL = 64 * 1024
_LITERAL_MINUS = 4096  # RFC 7888 4
_FLUSH_AT = 1024 * 1024


class Config(IMAPConfig):
    """pymap's settings: loopback, so no TLS, and PLAIN and LOGIN at once."""

    def __init__(self) -> None:
        self._auth = SASLAuth([PlainMechanism()])
        super().__init__(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            host=None,
            port=0,
            tls_enabled=False,
            # Given so that pymap makes none: its own reads CERT_FILE from the
            # environment, and its thread pool opens an event loop.
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            cpu_subsystem=Subsystem.for_asyncio(),
            hash_context=BuiltinHash(),
            max_append_len=None,
        )

    @property
    def backend_capability(self) -> BackendCapability:
        """What the mailboxes can do."""
        return BackendCapability(idle=True, object_id=False, multi_append=False)

    @property
    def initial_capability(self) -> Sequence[bytes]:
        """What is announced before login."""
        return [b"LITERAL-", b"ID"]

    @property
    def login_capability(self) -> Sequence[bytes]:
        """What is announced after login, on top."""
        return [b"UIDPLUS", b"CHILDREN", *self.backend_capability]

    @property
    def tls_auth(self) -> SASLAuth:
        """How to log in."""
        return self._auth

    @property
    def greeting(self) -> bytes:
        """The first words; pymap would ask DNS for a name."""
        return b"Keypost ready."

    @property
    def commands(self) -> Commands:
        """The commands of pymap, APPEND replaced."""
        commands = Commands()
        commands.register(AppendRefused)
        return commands


class AppendRefused(CommandAuth):
    """APPEND, refused before its literal is sent (RFC 3501 7.5)."""

    command = b"APPEND"

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple["AppendRefused", memoryview]:
        """Accept any arguments."""
        return cls(params.tag), buf[0:0]


class State(ConnectionState):
    """pymap's command flow with our logins and checks."""

    def __init__(
        self, config: IMAPConfig, *, directory: ReceiveDirectory, mailroom: Mailroom, clock: Clock
    ) -> None:
        super().__init__(cast("LoginInterface", None), config)
        self._directory = directory
        self._mailroom = mailroom
        self._clock = clock

    async def _login(self, creds: ServerCredentials) -> SessionInterface:
        access = await Access.log_in(creds, directory=self._directory, clock=self._clock)
        inbox = self._mailroom.inbox(access.user)
        return cast("SessionInterface", InboxSession(access, inbox))

    async def do_command(self, cmd: Command) -> CommandResponse:
        """Run a command, unless the mailbox has closed meanwhile."""
        if isinstance(self._session, InboxSession) and not isinstance(cmd, LogoutCommand):
            await self._session.check_access()
        return await super().do_command(cmd)

    async def do_append(self, cmd: Any) -> tuple[CommandResponse, SelectedMailbox | None]:  # noqa: ANN401 - ours and pymap's differ
        """Refuse: mail comes in by SMTP only."""
        return ResponseNo(cmd.tag, b"[CANNOT] Mail comes in by SMTP only."), None

    async def do_fetch(self, cmd: FetchCommand) -> tuple[CommandResponse, SelectedMailbox | None]:
        """Fetch (RFC 3501 6.4.5); pymap's own is slow."""
        if not all(map(is_offered, cmd.attributes)):
            return ResponseBad(cmd.tag, b"FETCH: Invalid arguments."), None
        if not cmd.uid:
            self.selected.hide_expunged = True
        marks = not self.selected.readonly and any(a.set_seen for a in cmd.attributes)
        found, selected = await self.session.fetch_messages(self.selected, cmd.sequence_set, marks)
        plan = FetchPlan(cmd.attributes, selected.session_flags)
        response = ResponseOk(cmd.tag, b"FETCH completed.")
        for seq, message in found:
            if message.expunged:
                response.code = ResponseCode.of(b"EXPUNGEISSUED")
            response.add_untagged(FetchLine(seq, cast("Message", message), plan))
        return response, selected


class JoinedWriter:
    """A stream writer that sends a whole response at once.

    pymap writes a response in many pieces; clients exist that take each
    packet for a line.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Keep data until ``drain``, but not without limit."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _FLUSH_AT:
            self._flush()

    async def drain(self) -> None:
        """Send what was kept."""
        self._flush()
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write(b"".join(self._pieces))
        self._pieces.clear()
        self._size = 0


class Connection(IMAPConnection):
    """One client's connection."""

    @classmethod
    def _print(cls, log_format: str, output: str | bytes) -> None:
        # pymap would log passwords and letters.
        del log_format, output

    async def write_response(self, resp: Response) -> None:
        """Send a response; pymap's own formats it again for its log."""
        with suppress(ConnectionError):
            await resp.async_write(self.writer)
            await self.writer.drain()

    async def readline(self) -> memoryview:
        """Read a command's line and the short literals that need no leave (RFC 7888)."""
        line = bytearray(await self._readline())
        while match := self._literal_plus.search(line[-24:]):
            if int(match.group(1)) > _LITERAL_MINUS:
                await self._refuse(b"The literal is too long.")
            line += await self.reader.readexactly(int(match.group(1)))
            line += await self._readline()
        return memoryview(line)

    async def _readline(self) -> bytes:
        try:
            line = await self.reader.readline()
        except ValueError:
            await self._refuse(b"The line is too long.")
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    async def _refuse(self, words: bytes) -> None:
        await self.write_response(ResponseBye(words))
        raise EOFError

    async def _interrupt(
        self, state: ConnectionState, interrupt: ParsingInterrupt, continuations: list[memoryview]
    ) -> None:
        expected = interrupt.expected
        if isinstance(expected, ExpectContinuation) and expected.literal_length > _LONGEST_LITERAL:
            await self._refuse(b"The literal is too long.")
        await super()._interrupt(state, interrupt, continuations)

    async def idle(self, state: ConnectionState, cmd: IdleCommand) -> CommandResponse:
        """Send updates until DONE (RFC 2177), or until the mailbox closes.

        pymap's own waits for DONE even when the updates have failed.
        """
        response = await state.do_command(cmd)
        if not isinstance(response, ResponseOk):
            return response
        await self.write_response(ResponseContinuation(b"Idling."))
        done = subsystem.get().new_event()
        updates = asyncio.create_task(self.handle_updates(state, done, cmd))
        typed = asyncio.create_task(self.read_idle_done(cmd))
        try:
            await asyncio.wait({updates, typed}, return_when=asyncio.FIRST_COMPLETED)
            if typed.done():
                # The last updates go out before the tagged response.
                done.set()
                await updates
            else:
                updates.result()
            return response if await typed else ResponseBad(cmd.tag, b'Expected "DONE".')
        finally:
            await _end(updates, typed)


class ImapServer:
    """Listens for mail clients."""

    def __init__(self, directory: ReceiveDirectory, mailroom: Mailroom, *, clock: Clock) -> None:
        self._directory = directory
        self._mailroom = mailroom
        self._clock = clock
        self._config = Config()
        self._commands = self._config.commands
        self._sessions: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(
            self._accept, host=host, port=port, limit=_LONGEST_LINE
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Say BYE to every client (RFC 3501 7.1.5) and wait until all are gone."""
        if self._server is None:
            return
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The task is ours: asyncio's own complains when a session is cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except Exception:
            log.exception("imap_session_failed")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(
            self._commands,
            self._config,
            reader,
            cast("asyncio.StreamWriter", JoinedWriter(writer)),
            SocketInfo.get(writer, None),
        )
        state = State(
            self._config,
            directory=self._directory,
            mailroom=self._mailroom,
            clock=self._clock,
        )
        await connection.run(state)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
