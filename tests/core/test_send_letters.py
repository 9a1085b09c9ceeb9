"""What is owed is sent, once, whatever breaks down in between."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from fakes import things
from fakes.clock import NOON, FakeClock
from fakes.notifier import MemoryNotifier, PlainLetterWriter
from fakes.store import MemoryStore
from keypost.errors import StoreBusy
from keypost.letters import MAX_ATTEMPTS, Letter, LetterState, OutboxEntry
from keypost.use_cases.send_letters import SendLetters


class Desk:
    """The use case over a store, with some letters in it."""

    def __init__(self) -> None:
        self.clock, self.store = FakeClock(NOON + timedelta(minutes=1)), MemoryStore()
        self.notifier = MemoryNotifier()
        self.send = SendLetters(self.store.uow, PlainLetterWriter(), self.notifier, self.clock)

    async def put(self, *entries: OutboxEntry) -> None:
        async with self.store.uow() as tx:
            for entry in entries:
                await tx.outbox.add(entry)
            await tx.commit()

    def states(self) -> list[LetterState]:
        return [entry.state for entry in self.store.letters]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_due_letter_is_sent_once(desk: Desk) -> None:
    await desk.put(things.letter())
    assert len(await desk.send()) == 1
    assert len(await desk.send()) == 0
    [letter] = desk.notifier.sent.values()
    assert letter.to == things.PAYER
    assert "payment_url: https://pay.example/session-1" in letter.text
    assert desk.states() == [LetterState.SENT]
    assert desk.store.letters[0].due_at == desk.clock()


async def test_nothing_owed_is_nothing_done(desk: Desk) -> None:
    assert len(await desk.send()) == 0


async def test_a_letter_that_is_not_yet_due_waits(desk: Desk) -> None:
    await desk.put(things.letter().not_before(desk.clock() + timedelta(seconds=1)))
    assert len(await desk.send()) == 0
    desk.clock.advance(timedelta(seconds=1))
    assert len(await desk.send()) == 1


async def test_a_letter_outlasts_a_notifier_that_is_down(desk: Desk) -> None:
    await desk.put(things.letter())
    desk.notifier.down = True
    assert len(await desk.send()) == 1
    [failed] = desk.store.letters
    assert (failed.state, failed.attempts) == (LetterState.QUEUED, 1)
    assert failed.due_at == desk.clock() + timedelta(seconds=2)
    assert failed.last_error
    assert len(await desk.send()) == 0  # not before its pause is over
    desk.notifier.down = False
    desk.clock.advance(timedelta(seconds=2))
    assert len(await desk.send()) == 1
    assert len(desk.notifier.sent) == 1
    assert desk.states() == [LetterState.SENT]
    assert desk.store.letters[0].last_error == ""


async def test_a_letter_is_given_up_after_so_many_attempts_and_kept(desk: Desk) -> None:
    await desk.put(replace(things.letter(), expires_at=NOON + timedelta(days=9)))
    desk.notifier.down = True
    for _ in range(MAX_ATTEMPTS):
        assert len(await desk.send()) == 1
        desk.clock.advance(timedelta(hours=1))
    assert desk.states() == [LetterState.DEAD]
    assert desk.notifier.calls == MAX_ATTEMPTS
    desk.notifier.down = False
    desk.clock.advance(timedelta(days=1))
    assert len(await desk.send()) == 0


async def test_a_worker_that_died_while_sending_leaves_its_letter_to_the_next(
    desk: Desk,
) -> None:
    await desk.put(things.letter().taken(desk.clock()))
    assert len(await desk.send()) == 0
    desk.clock.advance(timedelta(seconds=59))
    assert len(await desk.send()) == 0
    desk.clock.advance(timedelta(seconds=1))
    assert len(await desk.send()) == 1
    [sent] = desk.store.letters
    assert (sent.state, sent.attempts) == (LetterState.SENT, 2)


async def test_a_letter_that_could_not_be_ticked_off_is_sent_under_the_same_key(
    desk: Desk,
) -> None:
    class Breaking(MemoryNotifier):
        async def send(self, letter: Letter, *, idempotency_key: str) -> None:
            await super().send(letter, idempotency_key=idempotency_key)
            desk.store.commit_fails = StoreBusy()

    await desk.put(things.letter())
    breaking = Breaking(sent=desk.notifier.sent)
    with pytest.raises(StoreBusy):
        await SendLetters(desk.store.uow, PlainLetterWriter(), breaking, desk.clock)()
    desk.store.commit_fails = None
    assert desk.states() == [LetterState.SENDING]
    desk.clock.advance(timedelta(minutes=1))
    assert len(await desk.send()) == 1
    assert (breaking.calls, desk.notifier.calls) == (1, 1)
    assert list(desk.notifier.sent) == ["letter-1"]


async def test_a_letter_that_could_not_be_taken_is_not_sent(desk: Desk) -> None:
    await desk.put(things.letter())
    desk.store.commit_fails = StoreBusy()
    with pytest.raises(StoreBusy):
        await desk.send()
    assert desk.notifier.calls == 0
    desk.store.commit_fails = None
    assert len(await desk.send()) == 1


async def test_two_workers_do_not_take_the_same_letter(desk: Desk) -> None:
    await desk.put(*(things.letter(number) for number in range(1, 11)))
    tried = await asyncio.gather(*(desk.send() for _ in range(5)))
    assert sum(map(len, tried)) == 10
    assert desk.notifier.calls == 10


async def test_the_letters_of_a_batch_are_sent_side_by_side(desk: Desk) -> None:
    await desk.put(*(things.letter(number) for number in range(1, 6)))
    together = asyncio.Barrier(5)

    class Waiting:
        async def send(self, _letter: Letter, *, idempotency_key: str) -> None:
            assert idempotency_key
            await together.wait()

    send = SendLetters(desk.store.uow, PlainLetterWriter(), Waiting(), desk.clock)
    async with asyncio.timeout(10):
        assert len(await send()) == 5
    assert desk.states() == [LetterState.SENT] * 5


async def test_many_letters_go_out_in_batches(desk: Desk) -> None:
    await desk.put(*(things.letter(number) for number in range(1, 46)))
    assert [len(await desk.send()) for _ in range(4)] == [20, 20, 5, 0]
    assert len(desk.notifier.sent) == 45


async def test_no_transaction_is_open_while_a_letter_is_sent(desk: Desk) -> None:
    await desk.put(things.letter())
    seen: list[LetterState] = []

    class Looking:
        async def send(self, _letter: Letter, *, idempotency_key: str) -> None:
            async with desk.store.uow() as tx:
                seen.append((await tx.outbox.get(idempotency_key)).state)

    send = SendLetters(desk.store.uow, PlainLetterWriter(), Looking(), desk.clock)
    async with asyncio.timeout(10):
        await send()
    assert seen == [LetterState.SENDING]


async def test_a_letter_that_cannot_be_written_does_not_hold_up_the_others(desk: Desk) -> None:
    class Picky(PlainLetterWriter):
        def write(self, entry: OutboxEntry) -> Letter:
            if entry.id == "letter-1":
                raise KeyError("price")
            return super().write(entry)

    await desk.put(things.letter(1), things.letter(2))
    send = SendLetters(desk.store.uow, Picky(), desk.notifier, desk.clock)
    await asyncio.gather(send(), return_exceptions=True)
    assert desk.states() == [LetterState.QUEUED, LetterState.SENT]


async def test_whoever_sends_hears_what_became_of_each_letter(desk: Desk) -> None:
    class OneIsRefused(MemoryNotifier):
        async def send(self, letter: Letter, *, idempotency_key: str) -> None:
            self.down = idempotency_key == "letter-1"
            await super().send(letter, idempotency_key=idempotency_key)

    await desk.put(things.letter(1), things.letter(2))
    send = SendLetters(desk.store.uow, PlainLetterWriter(), OneIsRefused(), desk.clock)
    outcomes = await send()
    assert outcomes == desk.store.letters
    assert [each.state for each in outcomes] == [LetterState.QUEUED, LetterState.SENT]
    assert outcomes[0].last_error


async def test_a_letter_that_has_expired_is_dropped_unsent_and_the_others_go_out(
    desk: Desk,
) -> None:
    await desk.put(replace(things.letter(1), expires_at=desk.clock()), things.letter(2))
    told = {each.id: each.state for each in await desk.send()}
    assert told == {"letter-1": LetterState.DROPPED, "letter-2": LetterState.SENT}
    assert desk.states() == [LetterState.DROPPED, LetterState.SENT]
    assert list(desk.notifier.sent) == ["letter-2"]


# --- what happens to a letter while it is being sent --------------------------


@dataclass
class Interrupted(MemoryNotifier):
    """A notifier during whose work something else happens."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        assert self.meanwhile is not None
        await self.meanwhile()
        await super().send(letter, idempotency_key=idempotency_key)


async def sent_meanwhile(
    desk: Desk, change: Callable[[OutboxEntry], OutboxEntry], *, down: bool
) -> OutboxEntry:
    """Send a letter while another changes its entry; return the entry at the end."""

    async def meanwhile() -> None:
        async with desk.store.uow() as tx:
            await tx.outbox.update(change(await tx.outbox.get("letter-1")))
            await tx.commit()

    await desk.put(things.letter())
    notifier = Interrupted(down=down, meanwhile=meanwhile)
    await SendLetters(desk.store.uow, PlainLetterWriter(), notifier, desk.clock)()
    return desk.store.letters[0]


def dropped(entry: OutboxEntry) -> OutboxEntry:
    return entry.dropped()


def taken_by_another(entry: OutboxEntry) -> OutboxEntry:
    return entry.taken(NOON + timedelta(hours=1))


@pytest.mark.parametrize("change", [dropped, taken_by_another])
async def test_a_failure_does_not_undo_what_another_did_meanwhile(
    desk: Desk, change: Callable[[OutboxEntry], OutboxEntry]
) -> None:
    left = await sent_meanwhile(desk, change, down=True)
    assert left == change(things.letter().taken(desk.clock()))


@pytest.mark.parametrize("change", [dropped, taken_by_another])
async def test_a_letter_that_went_out_is_sent_whatever_another_did_meanwhile(
    desk: Desk, change: Callable[[OutboxEntry], OutboxEntry]
) -> None:
    left = await sent_meanwhile(desk, change, down=False)
    assert (left.state, left.due_at) == (LetterState.SENT, desk.clock())
