"""The log notifier writes letters down, and says of them only what a log may know."""

import stat
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from keypost.address import EmailAddress
from keypost.letters import Letter
from keypost_adapters.notifier.log import LogNotifier

LETTER = Letter(
    to=EmailAddress.parse("payer@example.org"),
    subject="Payment link",
    text="Pay: https://pay.example/secret-1\nąčę ✓\n",
    html='<a href="https://pay.example/secret-1">Pay</a>\n',
)
KEY = "0f" * 16


@pytest.fixture
def notifier(tmp_path: Path) -> LogNotifier:
    return LogNotifier(tmp_path / "letters")


def written(notifier: LogNotifier) -> EmailMessage:
    [path] = notifier.folder.iterdir()
    return message_from_bytes(path.read_bytes(), policy=default)


async def test_the_letter_is_a_message_that_mail_programs_open(notifier: LogNotifier) -> None:
    await notifier.send(LETTER, idempotency_key=KEY)
    message = written(notifier)
    assert (message["To"], message["Subject"]) == ("payer@example.org", "Payment link")
    plain, page = message.get_body(["plain"]), message.get_body(["html"])
    assert plain is not None
    assert page is not None
    assert plain.get_content() == LETTER.text
    assert page.get_content() == LETTER.html


async def test_the_letter_is_a_private_file_named_for_its_key(notifier: LogNotifier) -> None:
    await notifier.send(LETTER, idempotency_key=KEY)
    [path] = notifier.folder.iterdir()
    assert path.name == f"{KEY}.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(notifier.folder.stat().st_mode) == 0o700


async def test_the_log_knows_neither_the_link_nor_the_whole_address(
    notifier: LogNotifier,
) -> None:
    with capture_logs() as lines:
        await notifier.send(LETTER, idempotency_key=KEY)
    [line] = lines
    assert line["event"] == "letter_written"
    assert line["to"] == "p…@example.org"
    assert "secret-1" not in str(lines)
    assert "payer@" not in str(lines)
