"""The stack as a whole: where it listens, how it stops, what survives a kill."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.directory import MemoryDirectory
from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import MovableClock
from mail.wire import connected, dialogue, logged_in, send


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test", ""])  # noqa: S104 - it is refused
def test_only_loopback_is_listened_on(
    directory: MemoryDirectory, clock: MovableClock, tmp_path: Path, host: str
) -> None:
    with pytest.raises(ValueError, match="loopback"):
        ReceiveStack(directory, clock=clock, mail_root=tmp_path, smtp=(host, 0))
    with pytest.raises(ValueError, match="loopback"):
        ReceiveStack(directory, clock=clock, mail_root=tmp_path, imap=(host, 0))


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_open(
    stack: ReceiveStack, directory: MemoryDirectory, clock: MovableClock, tmp_path: Path
) -> None:
    second = ReceiveStack(
        directory,
        clock=clock,
        mail_root=tmp_path,
        smtp=("127.0.0.1", stack.smtp_port),
        imap=("127.0.0.1", 0),
    )
    with pytest.raises(OSError, match="in use"):
        await second.start()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", second.imap_port)


async def test_stopping_says_goodbye_and_leaves_no_task(
    start: Callable[[], ReceiveStack],
) -> None:
    before = asyncio.all_tasks()
    stack = start()
    await stack.start()
    async with (
        connected(stack.smtp_port) as smtp,
        connected(stack.imap_port) as stranger,
        logged_in(stack) as reader,
        logged_in(stack) as waiting,
    ):
        await waiting.imap("SELECT INBOX")
        await waiting.send(b"t IDLE\r\n")
        await waiting.line()
        await stack.stop()
        assert await smtp.rest() == b"421 4.3.2 Server is going down\r\n"
        for wire in (stranger, reader, waiting):
            assert (await wire.rest()).startswith(b"* BYE ")
    assert asyncio.all_tasks() == before


async def test_a_stopped_stack_starts_again(start: Callable[[], ReceiveStack]) -> None:
    for _ in range(2):
        async with start() as stack:
            assert (await dialogue(stack, "NOOP"))[0].startswith("250")


async def test_clients_that_hang_up_anywhere_harm_nobody(stack: ReceiveStack) -> None:
    for commands in (
        b"",
        b"EHLO x\r\n",
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<mbx_open@mail.local>\r\nDATA\r\nhalf a li",
    ):
        async with connected(stack.smtp_port) as wire:
            await wire.send(commands)
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.send(b"t IDLE\r\n")
        await wire.line()
    assert (await send(stack, b"a: b\r\n")).startswith("250")
    async with logged_in(stack) as wire:
        assert "* 1 EXISTS" in await wire.imap("SELECT INBOX")


async def post(port: int, letters: int) -> int:
    confirmed = 0
    async with connected(port) as wire:
        await wire.ask("EHLO x")
        for number in range(letters):
            for command in ("MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
                await wire.ask(command)
            await wire.send(b"Number: %d\r\n.\r\n" % number)
            confirmed += (await wire.reply()).startswith("250")
    return confirmed


async def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killable.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        port = int(await process.stdout.readline())
        confirmed = await post(port, 20)
    finally:
        process.kill()
        await process.communicate()
    texts = [path.read_bytes() for path in tmp_path.glob("mail.local/mbx_open/new/*")]
    assert confirmed == 20
    assert all(any(b"Number: %d\r\n" % n in text for text in texts) for n in range(20))
