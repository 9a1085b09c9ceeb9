"""What every Notifier promises whose letters can be counted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx
import pytest

from adapters.notifier_smtp import Postbox, serving
from adapters.notifier_vendors import (
    API_KEY,
    DOMAIN,
    Mailgun,
    Mode,
    Resend,
    SendGrid,
    Unsend,
    Vendor,
    listening,
)
from fakes.notifier import MemoryNotifier
from keypost.address import EmailAddress
from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost.ports import Notifier
from keypost_adapters.notifier.log import LogNotifier
from keypost_adapters.notifier.mailgun import MailgunNotifier
from keypost_adapters.notifier.resend import ResendNotifier
from keypost_adapters.notifier.sender import Sender
from keypost_adapters.notifier.sendgrid import SendGridNotifier
from keypost_adapters.notifier.smtp import SmtpNotifier
from keypost_adapters.notifier.smtp_server import SmtpServer
from keypost_adapters.notifier.unsend import UnsendNotifier

LETTER = Letter(
    to=EmailAddress.parse("payer@example.org"),
    subject="Payment link: ąčę",
    text="Pay here: https://pay.example/1\n",
    html="<p>Pay here</p>\n",
)
KEY, OTHER_KEY = "01" * 16, "02" * 16
SENDER = Sender(EmailAddress.parse("post@keypost.example"), "Keypost")


@dataclass(frozen=True)
class Delivery:
    """A letter that was delivered, and what a duplicate of it is recognised by."""

    to: str
    subject: str
    mark: str


@dataclass(frozen=True)
class Post:
    """A notifier, what was delivered, and how to break it."""

    notifier: Notifier
    delivered: Callable[[], Sequence[Delivery]]
    break_down: Callable[[], None]
    knows_keys: bool = True


@asynccontextmanager
async def memory(_folder: Path) -> AsyncIterator[Post]:
    notifier = MemoryNotifier()

    def delivered() -> list[Delivery]:
        return [
            Delivery(str(letter.to), letter.subject, key) for key, letter in notifier.sent.items()
        ]

    def break_down() -> None:
        notifier.down = True

    yield Post(notifier, delivered, break_down)


@asynccontextmanager
async def log(folder: Path) -> AsyncIterator[Post]:
    letters = folder / "letters"

    def delivered() -> list[Delivery]:
        files = sorted(letters.iterdir()) if letters.is_dir() else []
        return [seen(message_in(file.read_bytes()), mark=file.stem) for file in files]

    def break_down() -> None:
        letters.write_text("not a folder")

    yield Post(LogNotifier(letters), delivered, break_down)


@asynccontextmanager
async def smtp(_folder: Path) -> AsyncIterator[Post]:
    async with serving(Postbox()) as postbox:
        server = SmtpServer.parse(f"smtp://127.0.0.1:{postbox.port}")
        notifier = SmtpNotifier(server=server, sender=SENDER, clock=lambda: datetime.now(UTC))

        def delivered() -> list[Delivery]:
            return [seen(each, mark=str(each["Message-ID"])) for each in postbox.messages]

        def break_down() -> None:
            postbox.replies["DATA"] = "451 Not now"

        yield Post(notifier, delivered, break_down, knows_keys=False)


@asynccontextmanager
async def resend(_folder: Path) -> AsyncIterator[Post]:
    async with listening(Resend()) as vendor, httpx.AsyncClient() as client:
        notifier = ResendNotifier(
            client=client, api_key=API_KEY, sender=SENDER, base_url=vendor.url
        )
        yield post_over(vendor, notifier)


@asynccontextmanager
async def unsend(_folder: Path) -> AsyncIterator[Post]:
    async with listening(Unsend()) as vendor, httpx.AsyncClient() as client:
        notifier = UnsendNotifier(
            client=client, api_key=API_KEY, sender=SENDER, base_url=f"{vendor.url}/api"
        )
        yield post_over(vendor, notifier)


@asynccontextmanager
async def sendgrid(_folder: Path) -> AsyncIterator[Post]:
    async with listening(SendGrid()) as vendor, httpx.AsyncClient() as client:
        notifier = SendGridNotifier(
            client=client, api_key=API_KEY, sender=SENDER, base_url=vendor.url
        )
        yield replace(post_over(vendor, notifier), knows_keys=False)


@asynccontextmanager
async def mailgun(_folder: Path) -> AsyncIterator[Post]:
    async with listening(Mailgun()) as vendor, httpx.AsyncClient() as client:
        notifier = MailgunNotifier(
            client=client, api_key=API_KEY, domain=DOMAIN, sender=SENDER, base_url=vendor.url
        )
        yield replace(post_over(vendor, notifier), knows_keys=False)


def post_over(vendor: Vendor, notifier: Notifier) -> Post:
    def delivered() -> list[Delivery]:
        return [Delivery(each.to, each.subject, each.mark) for each in vendor.delivered]

    def break_down() -> None:
        vendor.mode = Mode.BROKEN

    return Post(notifier, delivered, break_down)


def message_in(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)


def seen(message: EmailMessage, *, mark: str) -> Delivery:
    return Delivery(str(message["To"]), str(message["Subject"]), mark)


ADAPTERS = {each.__name__: each for each in (memory, log, smtp, resend, unsend, sendgrid, mailgun)}


@pytest.fixture(params=ADAPTERS)
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with ADAPTERS[request.param](tmp_path) as opened:
        yield opened


async def test_a_letter_is_delivered(post: Post) -> None:
    await post.notifier.send(LETTER, idempotency_key=KEY)
    [delivery] = post.delivered()
    assert (delivery.to, delivery.subject) == ("payer@example.org", "Payment link: ąčę")


async def test_one_key_is_one_letter_where_the_technology_can_know(post: Post) -> None:
    for _ in range(3):
        await post.notifier.send(LETTER, idempotency_key=KEY)
    assert len(post.delivered()) == (1 if post.knows_keys else 3)


async def test_one_key_is_one_letter_also_at_once(post: Post) -> None:
    await asyncio.gather(*(post.notifier.send(LETTER, idempotency_key=KEY) for _ in range(10)))
    assert len(post.delivered()) == (1 if post.knows_keys else 10)


async def test_a_letter_and_its_duplicates_bear_one_mark(post: Post) -> None:
    await post.notifier.send(LETTER, idempotency_key=KEY)
    await post.notifier.send(LETTER, idempotency_key=KEY)
    [mark] = {each.mark for each in post.delivered()}
    assert KEY in mark


async def test_two_keys_are_two_letters_with_two_marks(post: Post) -> None:
    other = replace(LETTER, subject="Another")
    await post.notifier.send(LETTER, idempotency_key=KEY)
    await post.notifier.send(other, idempotency_key=OTHER_KEY)
    first, second = post.delivered()
    assert (first.subject, second.subject) == (LETTER.subject, "Another")
    assert first.mark != second.mark


async def test_a_broken_notifier_is_unavailable_and_delivers_nothing(post: Post) -> None:
    post.break_down()
    with pytest.raises(NotifierUnavailable):
        await post.notifier.send(LETTER, idempotency_key=KEY)
    assert post.delivered() == []
