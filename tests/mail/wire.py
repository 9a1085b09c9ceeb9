"""Lines on a socket, as a server sees and sends them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from keypost_adapters.receive.stack import ReceiveStack

PATIENCE = 10


@dataclass
class Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> str:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readuntil(b"\n")
        return line.decode("latin-1").rstrip("\r\n")

    async def reply(self) -> str:
        """Return an SMTP reply's last line."""
        while (line := await self.line())[3:4] == "-":
            pass
        return line

    async def ask(self, command: str) -> str:
        """Send an SMTP command and return the reply's last line."""
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def imap(self, command: str) -> list[str]:
        """Send an IMAP command and return all lines up to the tagged one or to a ``+``."""
        await self.send(f"t {command}\r\n".encode())
        return await self.until_tagged()

    async def until_tagged(self) -> list[str]:
        lines = [await self.line()]
        while not lines[-1].startswith(("t ", "+ ")):
            lines.append(await self.line())
        return lines

    async def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        return b""


@contextlib.asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    async with dialled(port, host) as wire:
        await wire.line()
        yield wire


@contextlib.asynccontextmanager
async def dialled(port: int, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Connect, and leave the greeting to be read."""
    reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def logged_in(stack: ReceiveStack, login: str = "mbx_open") -> AsyncIterator[Wire]:
    async with connected(stack.imap_port) as wire:
        answer = await wire.imap(f'LOGIN {login} "correct horse"')
        assert answer[-1].startswith("t OK")
        yield wire


async def dialogue(stack: ReceiveStack, *commands: str) -> list[str]:
    """Speak SMTP, one command after the other, and return the replies."""
    async with connected(stack.smtp_port) as wire:
        await wire.ask("EHLO client.test")
        return [await wire.ask(command) for command in commands]


async def send(
    stack: ReceiveStack, data: bytes, *recipients: str, sender: str = "sender@away.test"
) -> str:
    """Send ``data`` (dots doubled, without its end) and return the answer to it."""
    async with connected(stack.smtp_port) as wire:
        await wire.ask("EHLO client.test")
        assert (await wire.ask(f"MAIL FROM:<{sender}>")).startswith("250")
        for recipient in recipients or ("mbx_open@mail.local",):
            answer = await wire.ask(f"RCPT TO:<{recipient}>")
            assert answer.startswith("250"), answer
        assert (await wire.ask("DATA")).startswith("354")
        await wire.send(data + b".\r\n")
        return await wire.reply()
