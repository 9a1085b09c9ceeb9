"""A disk that is full, or broken: senders come again, and nothing half-done is seen."""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.directory import MemoryDirectory
from keypost_adapters.receive import failures, maildir
from keypost_adapters.receive.folder import Folder
from keypost_adapters.receive.mailroom import Mailroom
from keypost_adapters.receive.stack import ReceiveStack
from mail.wire import connected, dialogue, send

NOW = datetime(2026, 5, 4, tzinfo=UTC)
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")
FAILURES = [
    (NO_SPACE, "452 4.3.1"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "452 4.3.1"),
    (OSError(errno.EIO, "Input/output error"), "451 4.3.0"),
    (ConnectionResetError("the database has gone"), "451 4.3.0"),
    (RuntimeError("nobody foresaw this"), "451 4.3.0"),
]


class FullLog:
    """A log on the disk that is full."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def error(self, event: str, **_: object) -> None:
        self.asked.append(event)
        raise NO_SPACE


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> FullLog:
    full = FullLog()
    monkeypatch.setattr(failures, "log", full)
    return full


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_message_that_cannot_be_stored_is_asked_for_again(
    stack: ReceiveStack,
    inbox: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: FullLog,
    failure: tuple[Exception, str],
) -> None:
    error, code = failure
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(error))
        async with connected(stack.smtp_port) as wire:
            for command in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
                await wire.ask(command)
            await wire.send(b"a: b\r\n.\r\n")
            assert (await wire.reply()).startswith(code)
            # The connection goes on, with a new envelope.
            assert (await wire.ask("DATA")).startswith("503")
    assert log.asked == ["mail_not_stored"]
    assert files(inbox) == []
    assert (await send(stack, b"a: b\r\n")).startswith("250")


@pytest.mark.parametrize(("error", "code"), FAILURES)
async def test_a_recipient_that_cannot_be_checked_is_asked_for_again(
    stack: ReceiveStack,
    monkeypatch: pytest.MonkeyPatch,
    log: FullLog,
    error: Exception,
    code: str,
) -> None:
    monkeypatch.setattr(Mailroom, "left", failing(error))
    commands = ("MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA")
    _, answer, after = await dialogue(stack, *commands)
    assert answer.startswith(code)
    assert after.startswith("503 5.5.1")
    assert log.asked == ["recipient_not_checked"]


async def test_a_command_that_fails_anywhere_else_is_asked_for_again(
    stack: ReceiveStack, monkeypatch: pytest.MonkeyPatch, log: FullLog
) -> None:
    monkeypatch.setattr("keypost_adapters.receive.smtp.split_path", failing(NO_SPACE))
    (answer,) = await dialogue(stack, "MAIL FROM:<>")
    assert answer.startswith("452 4.3.1")
    assert log.asked == ["smtp_command_failed"]


async def test_a_log_that_cannot_be_written_is_no_unhandled_error_in_imap(
    stack: ReceiveStack, directory: MemoryDirectory, log: FullLog
) -> None:
    directory.is_broken = True
    async with connected(stack.imap_port) as wire:
        (answer,) = await wire.imap('LOGIN mbx_open "correct horse"')
        assert answer.startswith("t NO [UNAVAILABLE]")
    assert log.asked == ["imap_look_up_failed"]


@pytest.mark.parametrize("is_seen", [False, True])
def test_what_was_published_before_the_failure_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    first, second = Folder(tmp_path / "a", clock=lambda: NOW), tmp_path / "b"
    sync = maildir.sync_folder

    def full_at_the_second(folder: Path) -> None:
        if folder == second / "new":
            if is_seen:
                assert first.claim_new() == [1]
            raise NO_SPACE
        sync(folder)

    monkeypatch.setattr(maildir, "sync_folder", full_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        maildir.deliver([(first.path, b"1\r\n"), (second, b"1\r\n")], now=NOW)
    assert {file.name for file in files(tmp_path)} <= {"dovecot-uidlist"}


def test_no_uid_is_shown_before_it_could_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path, clock=lambda: NOW)
    folder.refresh()
    maildir.deliver([(tmp_path, b"1\r\n")], now=NOW)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(NO_SPACE))
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                folder.refresh()
            assert not folder.messages
    folder.refresh()
    assert list(folder.messages) == [1]
    assert " :" in (tmp_path / "dovecot-uidlist").read_text()
    assert not list(tmp_path.glob(".*"))
