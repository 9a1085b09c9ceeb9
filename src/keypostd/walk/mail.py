"""The walk's mail: a letter found, a message sent over SMTP, a message read over IMAP."""

import email
import email.policy
import imaplib
import re
import smtplib
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TypeVar

from keypostd.values import Address
from keypostd.walk.agent import StepFailed
from keypostd.walk.screen import Screen

T = TypeVar("T")

_SECONDS = 15.0
_CODE = re.compile(r"\b\d{6}\b")


def wait_for(find: Callable[[], T | None], *, what: str) -> T:
    """Look until something is there; raise StepFailed after a while."""
    give_up = time.monotonic() + _SECONDS
    while time.monotonic() < give_up:
        found = find()
        if found is not None:
            return found
        time.sleep(0.02)
    raise StepFailed(f"{what} did not come within {_SECONDS:.0f} seconds")


def letter_with(link: str, folder: Path) -> EmailMessage | None:
    """Find the letter with a link among the files of the log notifier."""
    letters = (
        email.message_from_bytes(
            path.read_bytes(), _class=EmailMessage, policy=email.policy.default
        )
        for path in sorted(folder.glob("*.eml"))
    )
    return next((letter for letter in letters if link in text_of(letter)), None)


def text_of(message: EmailMessage) -> str:
    """Return a message's plain text."""
    part = message.get_body(("plain",))
    return part.get_content() if part is not None else ""


def code_in(text: str) -> str:
    """Return the six digits of a mail; raise StepFailed."""
    match = _CODE.search(text)
    if match is None:
        raise StepFailed("there is no code in the mail")
    return match.group()


def send_code(code: str, *, to: str, server: Address, screen: Screen) -> None:
    """Deliver a mail with a code, as another mail server does, and show the dialogue."""
    message = EmailMessage()
    message["From"] = "Example Shop <no-reply@shop.example>"
    message["To"] = to
    message["Subject"] = "Your sign-in code"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="shop.example")
    message.set_content(f"Hello,\n\nyour sign-in code is {code}.\n\nIt is good for ten minutes.\n")
    with smtplib.SMTP(server.host, server.port, timeout=_SECONDS) as smtp:
        for line in ("EHLO shop.example", "MAIL FROM:<no-reply@shop.example>", f"RCPT TO:<{to}>"):
            _talk(smtp, line, screen)
        screen.sent("DATA")
        screen.sent(f"Subject: {message['Subject']} …")
        _show(smtp.data(message.as_bytes(policy=email.policy.SMTP)), screen)


def _talk(smtp: smtplib.SMTP, line: str, screen: Screen) -> None:
    screen.sent(line)
    _show(smtp.docmd(line), screen)


def _show(answer: tuple[int, bytes], screen: Screen) -> None:
    code, text = answer
    screen.answer(f"< {code} {text.decode(errors='replace').splitlines()[0]}")
    if code != 250:  # noqa: PLR2004 - RFC 5321 section 4.2.2
        raise StepFailed(f"the mail server answered {code}")


def newest_over_imap(
    *, server: Address, username: str, password: str, screen: Screen
) -> EmailMessage:
    """Read the newest message as a mail client does, without marking it as read."""
    with imaplib.IMAP4(server.host, server.port, timeout=_SECONDS) as imap:
        screen.sent(f"LOGIN {username} ********")
        imap.login(username, password)
        screen.sent("EXAMINE INBOX")
        _, exists = imap.select("INBOX", readonly=True)
        count = (exists[0] or b"0").decode()
        screen.answer(f"* {count} EXISTS")
        screen.sent(f"FETCH {count} (BODY.PEEK[])")
        _, parts = imap.fetch(count, "(BODY.PEEK[])")
    content = next((part[1] for part in parts if isinstance(part, tuple)), b"")
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    screen.answer(f"* {len(content)} bytes, Subject: {message['Subject']}")
    return message
