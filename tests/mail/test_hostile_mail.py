"""Mail that is made to break parsers: the letter itself can always be read."""

import asyncio
import time

import pytest

from keypost_adapters.receive.stack import ReceiveStack
from mail.wire import logged_in, send


def nested(depth: int) -> bytes:
    parts = (
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
        for i in range(depth)
    )
    return b"".join(parts) + b"\r\ndeep\r\n"


LETTERS = {
    "deep multiparts": nested(1500),
    "deep enclosures": b"Content-Type: message/rfc822\r\n\r\n" * 2000,
    "long subject": b"Subject: " + b"a b=?x?= " * 15_000 + b"\r\n\r\nx\r\n",
    "encoded subject": b"Subject: " + b"=?utf-8?b?w6Q=?= " * 8_000 + b"\r\n\r\nx\r\n",
    "message id": b"Message-ID: <[]>\r\nIn-Reply-To: <\r\n\r\nx\r\n",
    "comments": b"From: " + b"(" * 50_000 + b"\r\nTo: " + b'"' * 50_001 + b"\r\n\r\nx\r\n",
    "groups": b"To: " + b"a:b;," * 20_000 + b"\r\n\r\nx\r\n",
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 18_000,
    "many fields": b"A: b\r\n" * 25_000 + b"\r\nx\r\n",
    "parameters": b"Content-Type: text/plain" + b';a="\\' * 20_000 + b"\r\n\r\nx\r\n",
    "nul and controls": b"Subject: \0\x01\x7f\r\nFrom: \0@\0\r\n\r\n\0\r\n",
    "no header": b"\r\n\r\n\r\n",
    "endless boundary": b'Content-Type: multipart/mixed; boundary="'
    + b"x" * 7000
    + b'"\r\n\r\nx\r\n',
    "empty multipart": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
    "broken types": b"Content-Type: ;;;\r\nContent-Disposition: ;\r\n\r\nx\r\n",
    "colons": b":\r\n: x\r\n:::\r\n\r\nx\r\n",
}


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
async def test_a_hostile_letter_can_be_fetched_and_searched(
    stack: ReceiveStack, letter: bytes
) -> None:
    assert (await send(stack, letter)).startswith("250")
    async with logged_in(stack) as wire:
        await wire.imap("EXAMINE INBOX")
        started = time.monotonic()
        for command in (
            "FETCH 1 (ENVELOPE BODYSTRUCTURE BODY)",
            "FETCH 1 (BODY.PEEK[1] BODY.PEEK[1.1.MIME] BODY.PEEK[2.3.HEADER] BODY.PEEK[1.TEXT])",
            "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)]",
            "SEARCH OR SUBJECT zzz OR FROM zzz OR TEXT zzz SENTSINCE 1-Jan-2020",
        ):
            assert (await wire.imap(command))[-1].startswith("t OK"), command
        assert time.monotonic() - started < 5
        await wire.send(b"t FETCH 1 BODY.PEEK[]\r\n")
        head = await wire.line()
        size = int(head.rpartition("{")[2].rstrip("}"))
        async with asyncio.timeout(10):
            assert (await wire.reader.readexactly(size)).endswith(letter)
