"""Clients that people use."""

import asyncio
import imaplib
import subprocess
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import PASSWORD
from mail.wire import send
from programs import require

LETTERS = [b"Subject: n%d\r\nFrom: a@b.test\r\n\r\nbody %d\xe4\r\n" % (n, n) for n in range(5)]


async def test_imaplib_reads(stack: ReceiveStack) -> None:
    for letter in LETTERS:
        await send(stack, letter)

    def read() -> list[bytes]:
        with imaplib.IMAP4("127.0.0.1", stack.imap_port) as client:
            client.login("mbx_open", PASSWORD)
            client.select("INBOX", readonly=True)
            _, (uids,) = client.uid("SEARCH", "UNSEEN")
            _, found = client.uid("FETCH", uids.replace(b" ", b",").decode(), "(BODY.PEEK[TEXT])")
            return [item[1] for item in found if isinstance(item, tuple)]

    assert await asyncio.to_thread(read) == [b"body %d\xe4\r\n" % n for n in range(5)]


async def test_imapclient_reads_structures(stack: ReceiveStack) -> None:
    await send(
        stack,
        b"Subject: =?utf-8?q?=C3=A4?=\r\nFrom: Ann <ann@b.test>\r\nMessage-ID: <1@b.test>\r\n"
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
        b"--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
        b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nin\r\n"
        b"--x\r\nContent-Type: application/pdf\r\n"
        b'Content-Disposition: attachment; filename="a.pdf"\r\n\r\nPDF\r\n--x--\r\n',
    )

    def read() -> dict[bytes, Any]:
        with IMAPClient("127.0.0.1", stack.imap_port, ssl=False) as client:
            client.login("mbx_open", PASSWORD)
            client.select_folder("INBOX")
            wanted = ["ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[2.HEADER]", "BODY.PEEK[3]", "FLAGS"]
            return dict(client.fetch([1], wanted)[1])

    found = await asyncio.to_thread(read)
    envelope, structure = found[b"ENVELOPE"], found[b"BODYSTRUCTURE"]
    assert (envelope.subject, envelope.message_id) == (b"=?utf-8?q?=C3=A4?=", b"<1@b.test>")
    assert str(envelope.from_[0]) == "Ann <ann@b.test>"
    assert [part[:2] for part in structure[0]] == [
        (b"TEXT", b"PLAIN"),
        (b"MESSAGE", b"RFC822"),
        (b"APPLICATION", b"PDF"),
    ]
    assert structure[0][2][8] == (b"attachment", (b"filename", b"a.pdf"))
    assert found[b"BODY[2.HEADER]"] == b"Subject: inner\r\n\r\n"
    assert found[b"BODY[3]"] == b"PDF"


async def test_imapclient_waits_and_hears_at_once(stack: ReceiveStack) -> None:
    def wait() -> list[object]:
        with IMAPClient("127.0.0.1", stack.imap_port, ssl=False) as client:
            client.login("mbx_open", PASSWORD)
            client.select_folder("INBOX", readonly=True)
            client.idle()
            loop.call_soon_threadsafe(ready.set)
            heard = client.idle_check(timeout=10)
            client.idle_done()
            return list(heard)

    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await ready.wait()
    await send(stack, LETTERS[0])
    assert (1, b"EXISTS") in await waiting


async def test_mbsync_copies_everything_and_brings_flags_back(
    stack: ReceiveStack, tmp_path: Path, inbox: Path
) -> None:
    mbsync = require("mbsync")
    for letter in LETTERS:
        await send(stack, letter)
    copy = tmp_path / "copy"
    copy.mkdir()
    settings = tmp_path / "mbsyncrc"
    settings.write_text(MBSYNC.format(port=stack.imap_port, password=PASSWORD, copy=copy))

    async def synchronise() -> None:
        command = [mbsync, "-c", str(settings), "-a"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    await synchronise()
    copies = sorted((copy / "INBOX").glob("*/*,U=*"))
    assert sorted(_body(path) for path in copies) == [b"body %d\xe4" % n for n in range(5)]
    read = copies[0].rename(copy / "INBOX" / "cur" / f"{copies[0].name.partition(':')[0]}:2,FS")
    await send(stack, b"Subject: later\r\n\r\nlater\r\n")
    await synchronise()
    assert len(list((copy / "INBOX").glob("*/*,U=*"))) == 6
    (flagged,) = inbox.glob("cur/*:2,FS")
    assert _body(flagged) == _body(read)


MBSYNC = """
IMAPAccount keypost
Host 127.0.0.1
Port {port}
User mbx_open
Pass "{password}"
SSLType None
AuthMechs PLAIN LOGIN

IMAPStore remote
Account keypost

MaildirStore local
Path {copy}/
Inbox {copy}/INBOX

Channel all
Far :remote:
Near :local:
Patterns INBOX
Create Near
Expunge Both
SyncState *
"""


def _body(path: Path) -> bytes:
    # mbsync stores bare LF.
    return path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[2].strip()
