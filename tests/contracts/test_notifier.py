"""What every Notifier promises whose letters can be counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from fakes.notifier import MemoryNotifier
from keypost.address import EmailAddress
from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost.ports import Notifier
from keypost_adapters.notifier.log import LogNotifier

LETTER = Letter(
    to=EmailAddress.parse("payer@example.org"),
    subject="Payment link: ąčę",
    text="Pay here: https://pay.example/1\n",
    html="<p>Pay here</p>\n",
)
KEY, OTHER_KEY = "01" * 16, "02" * 16


@dataclass(frozen=True)
class Post:
    """A notifier, what was delivered, and how to break it."""

    notifier: Notifier
    delivered: Callable[[], list[tuple[str, str]]]
    break_down: Callable[[], None]


def memory() -> Post:
    notifier = MemoryNotifier()

    def break_down() -> None:
        notifier.down = True

    return Post(
        notifier,
        lambda: [(str(each.to), each.subject) for each in notifier.sent.values()],
        break_down,
    )


def log(folder: Path) -> Post:
    def delivered() -> list[tuple[str, str]]:
        return [(str(each["To"]), str(each["Subject"])) for each in written(folder)]

    def break_down() -> None:
        if folder.exists():
            folder.rename(folder.with_name("gone"))
        folder.write_text("not a folder")

    return Post(LogNotifier(folder), delivered, break_down)


def written(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [message_from_bytes(file.read_bytes(), policy=default) for file in files]


@pytest.fixture(params=["memory", "log"])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Post:
    return memory() if request.param == "memory" else log(tmp_path / "letters")


async def test_a_letter_is_delivered(post: Post) -> None:
    await post.notifier.send(LETTER, idempotency_key=KEY)
    assert post.delivered() == [("payer@example.org", "Payment link: ąčę")]


async def test_one_key_is_one_letter(post: Post) -> None:
    for _ in range(3):
        await post.notifier.send(LETTER, idempotency_key=KEY)
    assert len(post.delivered()) == 1


async def test_one_key_is_one_letter_also_at_once(post: Post) -> None:
    await asyncio.gather(*(post.notifier.send(LETTER, idempotency_key=KEY) for _ in range(10)))
    assert len(post.delivered()) == 1


async def test_two_keys_are_two_letters(post: Post) -> None:
    other = replace(LETTER, subject="Another")
    await post.notifier.send(LETTER, idempotency_key=KEY)
    await post.notifier.send(other, idempotency_key=OTHER_KEY)
    assert [subject for _, subject in post.delivered()] == [LETTER.subject, "Another"]


async def test_a_broken_notifier_is_unavailable_and_delivers_nothing(post: Post) -> None:
    post.break_down()
    with pytest.raises(NotifierUnavailable):
        await post.notifier.send(LETTER, idempotency_key=KEY)
    assert post.delivered() == []
