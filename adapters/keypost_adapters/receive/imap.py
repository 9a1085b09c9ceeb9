"""IMAP out: pymap's engine over our mailboxes.

pymap parses commands and writes responses; replaced here are its logins, its
logging (which would show passwords) and the way it waits in IDLE.
"""

import asyncio
import ssl
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn, cast

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
from keypost_adapters.receive.failures import report
from keypost_adapters.receive.imap_access import Access
from keypost_adapters.receive.imap_fetch import FetchLine, FetchPlan, is_offered
from keypost_adapters.receive.imap_message import Message
from keypost_adapters.receive.imap_session import InboxSession
from keypost_adapters.receive.imap_writer import PatientWriter
from keypost_adapters.receive.limits import Limits
from keypost_adapters.receive.mailroom import Mailroom

_READ_AHEAD = 32 * 1024
_COMMAND_BEFORE_LOGIN = 64 * 1024
_COMMAND_AFTER_LOGIN = 1024 * 1024
_LITERAL_MINUS = 4096  # RFC 7888 4


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

    @property
    def is_open(self) -> bool:
        """Whether the client has logged in."""
        return self._session is not None

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


class Connection(IMAPConnection):
    """One client's connection."""

    def __init__(  # noqa: PLR0913 - pymap's five, and one of ours
        self,
        commands: Commands,
        config: IMAPConfig,
        reader: asyncio.StreamReader,
        writer: PatientWriter,
        peer: SocketInfo,
        *,
        limits: Limits,
    ) -> None:
        super().__init__(commands, config, reader, cast("asyncio.StreamWriter", writer), peer)
        self._limits = limits
        self._login_until = asyncio.get_running_loop().time() + limits.login
        self._room = 0

    @classmethod
    def _print(cls, log_format: str, output: str | bytes) -> None:
        # pymap would log passwords and letters.
        del log_format, output

    async def write_response(self, resp: Response) -> None:
        """Send a response; pymap's own formats it again for its log."""
        with suppress(ConnectionError):
            await resp.async_write(self.writer)
            await self.writer.drain()

    async def read_command(self, state: ConnectionState) -> Command:
        """Read a command and its literals, all within bounds of size and time."""
        if self.writer.is_closing():
            raise EOFError
        self._room = _COMMAND_AFTER_LOGIN if is_open(state) else _COMMAND_BEFORE_LOGIN
        async with self._patience(state):
            return await super().read_command(state)

    async def authenticate(
        self, state: ConnectionState, mech_name: bytes
    ) -> ServerCredentials | None:
        """Ask for credentials (RFC 3501 6.2.2)."""
        async with self._patience(state):
            return await super().authenticate(state, mech_name)

    async def readline(self) -> memoryview:
        """Read a command's line and the short literals that need no leave (RFC 7888)."""
        line = bytearray()
        await self._read_line_into(line)
        while match := self._literal_plus.search(line[-24:]):
            length = int(match.group(1))
            await self._make_room(length, most=_LITERAL_MINUS)
            line += await self.reader.readexactly(length)
            await self._read_line_into(line)
        return memoryview(line)

    async def _read_line_into(self, command: bytearray) -> None:
        """Append a line; the reader's own bound is that of its buffer, not of a line."""
        is_whole = False
        while not is_whole:
            try:
                part = await self.reader.readuntil(b"\n")
                is_whole = True
            except asyncio.LimitOverrunError as overrun:
                part = await self.reader.readexactly(overrun.consumed)
            await self._make_room(len(part))
            command += part

    async def _make_room(self, size: int, *, most: int = sys.maxsize) -> None:
        """Take from what the command may still have; say BYE to one that wants more."""
        self._room -= size
        if self._room < 0 or size > most:
            await self._refuse(b"The command is too long.")

    async def _refuse(self, words: bytes) -> NoReturn:
        await self.write_response(ResponseBye(words))
        raise EOFError

    async def send_error_disconnect(self) -> None:
        """Say BYE, unless the client has left or was told before."""
        if not isinstance(sys.exception(), EOFError):
            await super().send_error_disconnect()

    async def _interrupt(
        self, state: ConnectionState, interrupt: ParsingInterrupt, continuations: list[memoryview]
    ) -> None:
        expected = interrupt.expected
        if isinstance(expected, ExpectContinuation):
            await self._make_room(expected.literal_length)
        await super()._interrupt(state, interrupt, continuations)

    @asynccontextmanager
    async def _patience(self, state: ConnectionState) -> AsyncIterator[None]:
        """Say BYE to a client that is silent for too long (RFC 3501 5.4)."""
        now = asyncio.get_running_loop().time()
        deadline = now + self._limits.imap_idle if is_open(state) else self._login_until
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError:
            await self._refuse(b"Idle for too long.")

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
            async with self._patience(state):
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

    def __init__(
        self, directory: ReceiveDirectory, mailroom: Mailroom, *, clock: Clock, limits: Limits
    ) -> None:
        self._directory = directory
        self._mailroom = mailroom
        self._clock = clock
        self._limits = limits
        self._config = Config()
        self._commands = self._config.commands
        self._sessions: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(
            self._accept, host=host, port=port, limit=_READ_AHEAD
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Say BYE to every client (RFC 3501 7.1.5) and wait until all are gone.

        Those who do not listen are cut off.
        """
        if self._server is None:
            return
        self._server.close()
        sessions = dict(self._sessions)
        for session in sessions:
            session.cancel()
        if sessions:
            _, deaf = await asyncio.wait(sessions, timeout=self._limits.goodbye)
            for session in deaf:
                sessions[session].transport.abort()
        await asyncio.gather(*sessions, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self._limits.connections:
            writer.write(b"* BYE [LIMIT] Too many connections, try again later.\r\n")
            writer.close()
            return
        # The task is ours: asyncio's own complains when a session is cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._sessions[task] = writer
        task.add_done_callback(self._sessions.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except Exception as error:  # noqa: BLE001 - one session's failure is not the others'
            report("imap_session_failed", error)
        finally:
            await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Close the connection; what the client does not read soon is dropped."""
        writer.close()
        closed = asyncio.ensure_future(writer.wait_closed())
        try:
            await asyncio.wait({closed}, timeout=self._limits.goodbye)
        finally:
            if not closed.done():
                writer.transport.abort()
            await asyncio.gather(closed, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(
            self._commands,
            self._config,
            reader,
            PatientWriter(writer, patience=self._limits.unread),
            SocketInfo.get(writer, None),
            limits=self._limits,
        )
        state = State(
            self._config,
            directory=self._directory,
            mailroom=self._mailroom,
            clock=self._clock,
        )
        await connection.run(state)


def is_open(state: ConnectionState) -> bool:
    """Say whether the client has logged in."""
    return isinstance(state, State) and state.is_open


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
