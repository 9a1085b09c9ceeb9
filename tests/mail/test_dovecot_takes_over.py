"""Dovecot serves the tree that the embedded stack has written, and the other way round."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from daemons.dovecot import NOBODY, Dovecot, dovecot_running
from keypost_adapters.receive.stack import ReceiveStack
from mail.wire import logged_in, send
from programs import require

WANTED = ["INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]", "BODY.PEEK[TEXT]", "BODY.PEEK[HEADER]"]
WANTED += ["BODY.PEEK[1]", "BODY.PEEK[2.HEADER]", "BODY.PEEK[2.TEXT]", "BODY.PEEK[3.MIME]"]

Mailbox = tuple[int, dict[int, object]]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with dovecot_running(require("dovecot")) as running:
        running.put_user("mbx_open", "correct horse")
        yield running


def look(port: int, change: Callable[[IMAPClient], object] = lambda _: None) -> Mailbox:
    """Return the UID validity, and by UID what each message is."""
    with IMAPClient("127.0.0.1", port, ssl=False) as client:
        client.login("mbx_open", "correct horse")
        validity = client.select_folder("INBOX")[b"UIDVALIDITY"]
        change(client)
        uids = client.search("ALL")
        texts = client.fetch(uids, WANTED)
        shapes = client.fetch(uids, ["ENVELOPE", "BODYSTRUCTURE"])
        flags = client.get_flags(uids)
    for text in texts.values():
        del text[b"SEQ"]
    # Media types and encodings are the same in any case.
    return validity, {
        uid: (texts[uid], str(shapes[uid]).lower(), set(flags[uid]) - {b"\\Recent"}) for uid in uids
    }


def hand_over(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


async def fill(stack: ReceiveStack) -> None:
    for number in range(4):
        await send(stack, b"Subject: n%d\r\nFrom: Ann <a@b.test>\r\n\r\nbody\r\n" % number)
    await send(
        stack,
        b'Subject: parts\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\npreamble\r\n'
        b"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xa4</p>\r\n"
        b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner\r\n"
        b"--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=a.png\r\n\r\nAAAA\r\n--x--\r\nepilogue\r\n",
    )
    async with logged_in(stack) as wire:
        await wire.imap("SELECT INBOX")
        await wire.imap("STORE 2 +FLAGS (\\Seen \\Flagged \\Answered)")
        await wire.imap("STORE 3 +FLAGS (\\Deleted)")
        await wire.imap("EXPUNGE")
    await send(stack, b"Subject: last\r\n\r\nnobody has seen its uid\r\n")


async def test_dovecot_shows_the_same_mailbox(
    start: Callable[[], ReceiveStack], inbox: Path, dovecot: Dovecot
) -> None:
    async with start() as stack:
        await fill(stack)
        ours = await asyncio.to_thread(look, stack.imap_port)
    hand_over(inbox, dovecot.root / "mail" / "mbx_open")
    assert await asyncio.to_thread(look, dovecot.port) == ours


def mark(client: IMAPClient) -> None:
    client.add_flags(1, [b"\\Seen", b"\\Draft"])
    client.remove_flags(2, [b"\\Flagged"])


async def test_what_dovecot_has_changed_is_read_back(
    start: Callable[[], ReceiveStack], inbox: Path, dovecot: Dovecot
) -> None:
    async with start() as stack:
        await fill(stack)
    theirs = dovecot.root / "mail" / "mbx_open"
    hand_over(inbox, theirs)
    dovecot.deliver("mbx_open", b"Subject: lf\n\nstored with\nbare LF\n")
    changed = await asyncio.to_thread(look, dovecot.port, mark)
    hand_over(theirs, inbox)
    async with start() as stack:
        assert await asyncio.to_thread(look, stack.imap_port) == changed
