"""The billing contact hears of every link and every address, and is never flooded."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from fakes import things
from fakes.clock import NOON, CountingRandom, FakeClock
from fakes.store import MemoryStore
from keypost.address import EmailAddress
from keypost.billing import Checkout
from keypost.letters import LetterState, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.use_cases.mail_payment_link import PAUSE, MailPaymentLink

MAILBOX = things.mailbox()
ELSEWHERE = MAILBOX.billed_to(EmailAddress.parse("other@example.org"))
LINK = things.checkout(1).opened(things.session(1))
NEW_LINK = things.checkout(2).opened(things.session(2))
MOMENT = timedelta(microseconds=1)


class Desk:
    """The use case over a store, and a worker."""

    def __init__(self) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.mail_link = MailPaymentLink(self.clock, CountingRandom(), "keypost.example")

    async def owe(self, mailbox: Mailbox = MAILBOX, checkout: Checkout = LINK) -> None:
        async with self.store.uow() as tx:
            await self.mail_link(tx, mailbox, checkout)
            await tx.commit()

    async def send_all(self) -> None:
        """Send every letter that is due now."""
        async with self.store.uow() as tx:
            for entry in await tx.outbox.due(self.clock(), limit=99):
                await tx.outbox.update(entry.taken(self.clock()).sent(self.clock()))
            await tx.commit()

    async def fail(self) -> None:
        """Try every letter that is due now, in vain."""
        async with self.store.uow() as tx:
            for entry in await tx.outbox.due(self.clock(), limit=99):
                taken = entry.taken(self.clock())
                await tx.outbox.update(taken.failed("down", now=self.clock()))
            await tx.commit()

    @property
    def letters(self) -> list[OutboxEntry]:
        return self.store.letters

    @property
    def urls(self) -> list[str]:
        return [entry.facts["payment_url"] for entry in self.letters]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_the_first_letter_is_due_at_once(desk: Desk) -> None:
    await desk.owe()
    [letter] = desk.letters
    assert (letter.state, letter.due_at, letter.attempts) == (LetterState.QUEUED, NOON, 0)
    assert letter.to == MAILBOX.billing_email
    assert letter.facts == {
        "email": "mbx_1@keypost.example",
        "holder": "SHA256:1",
        "payment_url": "https://pay.example/session-1",
        "price": "1.00 EUR",
        "months": "1",
    }


async def test_the_same_again_within_ten_minutes_is_not_sent_again(desk: Desk) -> None:
    assert timedelta(minutes=10) == PAUSE
    await desk.owe()
    await desk.send_all()
    desk.clock.now = NOON + PAUSE - MOMENT
    await desk.owe()
    assert len(desk.letters) == 1


async def test_the_same_again_after_ten_minutes_is_sent_at_once(desk: Desk) -> None:
    await desk.owe()
    await desk.send_all()
    desk.clock.now = NOON + PAUSE
    await desk.owe()
    assert [letter.due_at for letter in desk.letters] == [NOON, NOON + PAUSE]


@pytest.mark.parametrize(("mailbox", "link"), [(ELSEWHERE, LINK), (MAILBOX, NEW_LINK)])
async def test_news_replace_a_letter_that_nobody_tried_to_send(
    desk: Desk, mailbox: Mailbox, link: Checkout
) -> None:
    await desk.owe()
    desk.clock.advance(timedelta(minutes=1))
    await desk.owe(mailbox, link)
    [letter] = desk.letters
    assert letter.to == mailbox.billing_email
    assert link.session is not None
    assert letter.facts["payment_url"] == link.session.payment_url
    assert letter.due_at == NOON  # it was due, and still is


@pytest.mark.parametrize(("mailbox", "link"), [(ELSEWHERE, LINK), (MAILBOX, NEW_LINK)])
async def test_news_after_a_sent_letter_wait_for_the_pause_to_be_over(
    desk: Desk, mailbox: Mailbox, link: Checkout
) -> None:
    await desk.owe()
    await desk.send_all()
    desk.clock.advance(timedelta(minutes=1))
    await desk.owe(mailbox, link)
    first, second = desk.letters
    assert first.state is LetterState.SENT
    assert second.due_at == NOON + PAUSE
    assert second.to == mailbox.billing_email
    assert second.untouched


async def test_the_latest_news_replace_the_news_that_wait(desk: Desk) -> None:
    await desk.owe()
    await desk.send_all()
    await desk.owe(ELSEWHERE, LINK)
    await desk.owe(ELSEWHERE, NEW_LINK)
    await desk.owe(MAILBOX, NEW_LINK)
    assert len(desk.letters) == 2
    assert desk.letters[1].to == MAILBOX.billing_email
    assert desk.urls[1].endswith("session-2")
    assert desk.letters[1].due_at == NOON + PAUSE


async def test_news_do_not_change_a_letter_that_is_being_sent(desk: Desk) -> None:
    await desk.owe()
    async with desk.store.uow() as tx:
        [entry] = await tx.outbox.due(NOON, limit=1)
        await tx.outbox.update(entry.taken(NOON))
        await tx.commit()
    await desk.owe(ELSEWHERE)
    first, second = desk.letters
    assert first.to == MAILBOX.billing_email
    assert second.to == ELSEWHERE.billing_email
    assert second.due_at >= NOON + PAUSE


async def test_a_letter_that_is_tried_again_is_not_doubled(desk: Desk) -> None:
    await desk.owe()
    await desk.fail()
    desk.clock.advance(timedelta(seconds=1))
    await desk.owe()
    assert len(desk.letters) == 1


async def test_a_letter_that_waits_for_a_stopped_worker_is_not_doubled(desk: Desk) -> None:
    await desk.owe()
    desk.clock.advance(timedelta(hours=5))
    await desk.owe()
    assert len(desk.letters) == 1


async def test_a_day_of_claims_every_minute_sends_at_most_one_letter_in_ten(desk: Desk) -> None:
    for minute in range(24 * 60):
        mailbox = ELSEWHERE if minute % 3 else MAILBOX
        await desk.owe(mailbox, NEW_LINK if minute % 5 else LINK)
        await desk.send_all()
        desk.clock.advance(timedelta(minutes=1))
    times = sorted(entry.due_at for entry in desk.letters)
    assert len(times) > 100
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert min(pauses) >= PAUSE


async def test_another_mailbox_does_not_wait(desk: Desk) -> None:
    await desk.owe()
    await desk.send_all()
    other = replace(things.mailbox(2), billing_email=MAILBOX.billing_email)
    await desk.owe(other, things.checkout(3, of=other).opened(things.session(3)))
    assert [letter.due_at for letter in desk.letters] == [NOON, NOON]
