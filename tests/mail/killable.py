"""A receive stack in a process of its own, for a test to kill; prints its SMTP port."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.directory import MemoryDirectory
from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import MovableClock, mail_user


async def run(root: Path) -> None:
    async with ReceiveStack(
        MemoryDirectory(mail_user("mbx_open")),
        clock=MovableClock(),
        mail_root=root,
        smtp=("127.0.0.1", 0),
        imap=("127.0.0.1", 0),
    ) as stack:
        print(stack.smtp_port, flush=True)  # noqa: T201 - that is what the test reads
        await asyncio.Event().wait()


asyncio.run(run(Path(sys.argv[1])))
