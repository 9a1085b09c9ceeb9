"""What was sent is what is stored."""

import asyncio
import os
import re
import smtplib
import subprocess
from pathlib import Path

import pytest

from keypost_adapters.receive.stack import ReceiveStack
from mail.wire import connected, send
from programs import require

TRACE = re.compile(
    rb"Return-Path: <(?P<sender>[^>]*)>\r\n"
    rb"Received: from (?P<helo>\S+) \(\[127\.0\.0\.1\]\)\r\n"
    rb"\tby \S+ with (?P<protocol>E?SMTP)(?:\r\n\tfor <(?P<for>[^>]+)>)?;\r\n"
    rb"\tMon, 04 May 2026 12:00:00 \+0000\r\n"
)


def stored(inbox: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(inbox.glob("new/*"))]


def without_trace(message: bytes) -> bytes:
    match = TRACE.match(message)
    assert match, message
    return message[match.end() :]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"Subject: x\r\n\r\nbody\r\n", b"Subject: x\r\n\r\nbody\r\n"),
        (b"a: b\r\n\r\n..\r\n...x\r\n..dot\r\n", b"a: b\r\n\r\n.\r\n..x\r\n.dot\r\n"),
        (b"a: b\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",) * 2,
        (b"a: b\r\n\r\nnul \0 nul\r\n",) * 2,
        (b"a: b\r\n\r\n" + b"x" * 998 + b"\r\n",) * 2,
        (b"a: b\r\n\r\n" + b"y" * 150_000 + b"\r\n",) * 2,
        (b"no header at all\r\n",) * 2,
        (b"a: b\r\n\r\n \t\r\n\r\n\r\n",) * 2,
    ],
    ids=["empty", "line", "plain", "dots", "8bit", "nul", "998", "150k", "headerless", "blank"],
)
async def test_bytes_are_kept(stack: ReceiveStack, inbox: Path, sent: bytes, kept: bytes) -> None:
    assert (await send(stack, sent)).startswith("250 2.0.0")
    assert [without_trace(message) for message in stored(inbox)] == [kept]


async def test_the_trace_tells_who_sent_from_where_to_whom(
    stack: ReceiveStack, inbox: Path
) -> None:
    await send(stack, b"a: b\r\n", "mbx_open+tag@mail.local", sender="ann@away.test")
    trace = TRACE.match(stored(inbox)[0])
    assert trace
    assert trace.groupdict() == {
        "sender": b"ann@away.test",
        "helo": b"client.test",
        "protocol": b"ESMTP",
        "for": b"mbx_open+tag@mail.local",
    }


async def test_the_null_sender_is_kept(stack: ReceiveStack, inbox: Path) -> None:
    await send(stack, b"a: b\r\n", sender="")
    assert stored(inbox)[0].startswith(b"Return-Path: <>\r\n")


async def test_a_greeting_cannot_forge_header_lines(stack: ReceiveStack, inbox: Path) -> None:
    async with connected(stack.smtp_port) as wire:
        for command in (
            "HELO evil (faked) by bank.test;",
            "MAIL FROM:<>",
            "RCPT TO:<mbx_open@mail.local>",
            "DATA",
        ):
            await wire.ask(command)
        await wire.send(b".\r\n")
        assert (await wire.reply()).startswith("250")
    trace = TRACE.match(stored(inbox)[0])
    assert trace
    assert (trace["helo"], trace["protocol"]) == (b"unknown", b"SMTP")


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\r\n\0.\r\n",
        b"\n\n.\r\n",
    ],
)
async def test_nothing_but_crlf_dot_crlf_ends_the_data(
    stack: ReceiveStack, inbox: Path, end: bytes
) -> None:
    smuggled = b"MAIL FROM:<boss@mail.local>\r\nRCPT TO:<mbx_other@mail.local>\r\nDATA\r\nhi\r\n"
    answer = await send(stack, b"a: b\r\n\r\nx" + end + smuggled)
    if b"\0" in end:
        assert answer.startswith("250")
        assert smuggled in stored(inbox)[0]
    else:
        assert answer.startswith("550 5.6.0")
        assert stored(inbox) == []
    assert not (inbox.parent / "mbx_other").exists()


async def test_after_a_refused_message_the_connection_goes_on(
    stack: ReceiveStack, inbox: Path
) -> None:
    async with connected(stack.smtp_port) as wire:
        await wire.ask("EHLO client.test")
        for data, code in ((b"bare\nlf\r\n", "550"), (b"x" * 2**21 + b"\r\n", "500"), (b"", "250")):
            for command in ("MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
                await wire.ask(command)
            await wire.send(data + b".\r\n")
            assert (await wire.reply()).startswith(code)
    assert len(stored(inbox)) == 1


async def test_a_letter_to_several_reaches_each_once(stack: ReceiveStack, inbox: Path) -> None:
    recipients = ("mbx_open@mail.local", "mbx_other@mail.local", "mbx_open+tag@mail.local")
    await send(stack, b"a: b\r\n", *recipients)
    (first,), (second,) = stored(inbox), stored(inbox.parent / "mbx_other")
    assert first == second
    # Naming one recipient would tell the others.
    assert b"for <" not in first


async def test_files_are_for_this_user_only_and_tell_their_size(
    stack: ReceiveStack, inbox: Path
) -> None:
    await send(stack, b"a: b\r\n")
    (file,) = inbox.glob("new/*")
    size = file.stat().st_size
    assert file.name.endswith(f",S={size},W={size}")
    assert file.stat().st_mode & 0o777 == 0o600
    folders = (inbox.parent, inbox, *(inbox / name for name in ("tmp", "new", "cur")))
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert list(inbox.glob("tmp/*")) == []


async def test_250_comes_after_file_and_folder_are_on_disk(
    stack: ReceiveStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    assert (await send(stack, b"a: b\r\n")).startswith("250")
    assert synced[-1] == "new"
    assert ",S=" in synced[-2]


async def test_where_storing_for_one_fails_nobody_has_the_letter_and_the_sender_comes_again(
    stack: ReceiveStack, inbox: Path
) -> None:
    blocked = inbox.parent / "mbx_other"
    blocked.mkdir(parents=True)
    (blocked / "tmp").write_text("in the way")
    answer = await send(stack, b"a: b\r\n", "mbx_open@mail.local", "mbx_other@mail.local")
    assert answer.startswith("451 4.3.0")
    assert list(inbox.glob("*/*")) == []


async def test_smtplib_is_served(stack: ReceiveStack, inbox: Path) -> None:
    def post() -> None:
        with smtplib.SMTP("127.0.0.1", stack.smtp_port) as client:
            client.sendmail("a@away.test", ["mbx_open@mail.local"], "a: b\r\n\r\n.dot\r\n")

    await asyncio.to_thread(post)
    assert without_trace(stored(inbox)[0]) == b"a: b\r\n\r\n.dot\r\n"


async def test_swaks_is_served(stack: ReceiveStack, inbox: Path) -> None:
    swaks = require("swaks")
    command = [swaks, "--server", f"127.0.0.1:{stack.smtp_port}", "--to", "mbx_open@mail.local"]
    command += ["--from", "a@away.test", "--pipeline", "--body", "from swaks"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert b"from swaks" in stored(inbox)[0]
