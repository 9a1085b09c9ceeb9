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
from keypost.use_cases.mail_payment_link import PAUSE, MailPaymentLink, drop_waiting_links

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

    async def take(self) -> None:
        """Begin to send every letter that is due now."""
        async with self.store.uow() as tx:
            for entry in await tx.outbox.due(self.clock(), limit=99):
                await tx.outbox.update(entry.taken(self.clock()))
            await tx.commit()

    @property
    def letters(self) -> list[OutboxEntry]:
        return self.store.letters

    def states(self) -> list[LetterState]:
        return [entry.state for entry in self.letters]


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
    assert letter.expires_at == things.session(1).expires_at  # as long as its link can be paid


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
@pytest.mark.parametrize("attempts", [0, 1, 3])
async def test_news_replace_the_letter_that_waits_however_often_it_was_tried(
    desk: Desk, mailbox: Mailbox, link: Checkout, attempts: int
) -> None:
    await desk.owe()
    for _ in range(attempts):
        await desk.fail()
        desk.clock.now = desk.letters[0].due_at
    await desk.owe(mailbox, link)
    first, second = desk.letters
    assert (first.state, first.attempts) == (LetterState.DROPPED, attempts)
    assert (second.state, second.attempts) == (LetterState.QUEUED, 0)
    assert second.to == mailbox.billing_email
    assert link.session is not None
    assert second.facts["payment_url"] == link.session.payment_url
    assert second.due_at == desk.clock()  # nothing went out yet
    assert second.id != first.id  # a notifier that knows the first would not send other words


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
    assert (second.state, second.attempts) == (LetterState.QUEUED, 0)


async def test_the_latest_news_replace_the_news_that_wait(desk: Desk) -> None:
    await desk.owe()
    await desk.send_all()
    await desk.owe(ELSEWHERE, LINK)
    await desk.owe(ELSEWHERE, NEW_LINK)
    await desk.owe(MAILBOX, NEW_LINK)
    assert desk.states() == [
        LetterState.SENT,
        LetterState.DROPPED,
        LetterState.DROPPED,
        LetterState.QUEUED,
    ]
    last = desk.letters[-1]
    assert last.to == MAILBOX.billing_email
    assert last.facts["payment_url"].endswith("session-2")
    assert last.due_at == NOON + PAUSE


async def test_news_do_not_change_a_letter_that_is_being_sent(desk: Desk) -> None:
    await desk.owe()
    await desk.take()
    desk.clock.advance(timedelta(seconds=20))
    await desk.owe(ELSEWHERE)
    first, second = desk.letters
    assert (first.to, first.state) == (MAILBOX.billing_email, LetterState.DROPPED)
    assert second.to == ELSEWHERE.billing_email
    assert second.due_at == desk.clock() + PAUSE


async def test_the_same_again_while_it_is_being_sent_is_not_sent_again(desk: Desk) -> None:
    await desk.owe()
    await desk.take()
    await desk.owe()
    assert desk.states() == [LetterState.SENDING]


@pytest.mark.parametrize("state", [LetterState.DEAD, LetterState.DROPPED])
async def test_a_letter_that_will_not_be_sent_does_not_stand_for_another(
    desk: Desk, state: LetterState
) -> None:
    await desk.owe()
    async with desk.store.uow() as tx:
        await tx.outbox.update(replace(desk.letters[0], state=state))
        await tx.commit()
    await desk.owe()
    assert desk.states() == [state, LetterState.QUEUED]
    assert desk.letters[1].due_at == NOON


async def test_only_letters_that_wait_are_dropped_and_only_those_of_the_mailbox(
    desk: Desk,
) -> None:
    other = things.mailbox(2)
    await desk.owe()
    await desk.send_all()
    await desk.owe(ELSEWHERE)
    await desk.owe(other, things.checkout(3, of=other).opened(things.session(3)))
    async with desk.store.uow() as tx:
        await drop_waiting_links(tx, MAILBOX.id)
        await tx.commit()
    assert desk.states() == [LetterState.SENT, LetterState.DROPPED, LetterState.QUEUED]


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


async def test_four_hours_of_claims_every_minute_sends_at_most_one_letter_in_ten(
    desk: Desk,
) -> None:
    for minute in range(4 * 60):
        mailbox = ELSEWHERE if minute % 3 else MAILBOX
        await desk.owe(mailbox, NEW_LINK if minute % 5 else LINK)
        assert desk.states().count(LetterState.QUEUED) <= 1
        await desk.send_all()
        desk.clock.advance(timedelta(minutes=1))
    times = sorted(each.due_at for each in desk.letters if each.state is LetterState.SENT)
    assert len(times) > 20
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert min(pauses) >= PAUSE


async def test_another_mailbox_does_not_wait(desk: Desk) -> None:
    await desk.owe()
    await desk.send_all()
    other = replace(things.mailbox(2), billing_email=MAILBOX.billing_email)
    await desk.owe(other, things.checkout(3, of=other).opened(things.session(3)))
    assert [letter.due_at for letter in desk.letters] == [NOON, NOON]


async def test_one_address_gets_five_letters_an_hour_from_any_number_of_mailboxes(
    desk: Desk,
) -> None:
    for number in range(1, 13):
        spelled = "Payer@example.org" if number % 2 else "payer@example.org"
        mailbox = things.mailbox(number).billed_to(EmailAddress.parse(spelled))
        link = things.checkout(number, of=mailbox).opened(things.session(number))
        await desk.owe(mailbox, link)
    times = sorted(letter.due_at for letter in desk.letters)
    hours = [(time - NOON) // timedelta(hours=1) for time in times]
    assert hours == [0] * 5 + [1] * 5 + [2] * 2
    assert all(
        later - first >= timedelta(hours=1) for first, later in zip(times, times[5:], strict=False)
    )
