"""What every Outbox promises."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.stores import OpenStore
from fakes import things
from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.letters import LetterState, OutboxEntry

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
async def mailboxes(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox(1), token_digest=things.digest(1))
        await tx.mailboxes.add(things.mailbox(2), token_digest=things.digest(2))
        await tx.commit()


def in_state(number: int, state: LetterState) -> OutboxEntry:
    return replace(things.letter(number), state=state)


async def put(store: OpenStore, *entries: OutboxEntry) -> None:
    async with store.uow() as tx:
        for entry in entries:
            await tx.outbox.add(entry)
        await tx.commit()


async def due(store: OpenStore, seconds: float, *, limit: int = 20) -> list[str]:
    async with store.uow() as tx:
        found = await tx.outbox.due(NOON + timedelta(seconds=seconds), limit=limit)
    return [entry.id for entry in found]


async def test_the_longest_due_comes_first(store: OpenStore) -> None:
    await put(store, *(things.letter(number) for number in (3, 1, 2)))
    assert await due(store, 10) == ["letter-1", "letter-2", "letter-3"]
    assert await due(store, 10, limit=2) == ["letter-1", "letter-2"]


async def test_a_letter_is_due_at_its_time_and_not_a_moment_earlier(store: OpenStore) -> None:
    await put(store, things.letter(1))
    assert await due(store, 0.999999) == []
    assert await due(store, 1) == ["letter-1"]


async def test_only_what_is_still_owed_is_due(store: OpenStore) -> None:
    await put(store, *(in_state(number, state) for number, state in enumerate(LetterState, 1)))
    assert list(LetterState)[:2] == [LetterState.QUEUED, LetterState.SENDING]
    assert await due(store, 10) == ["letter-1", "letter-2"]


async def test_an_update_replaces_everything_that_may_change(store: OpenStore) -> None:
    await put(store, things.letter(1), things.letter(2))
    changed = things.letter(1).taken(NOON).failed("it was dówn", now=NOON)
    async with store.uow() as tx:
        await tx.outbox.update(changed)
        await tx.commit()
    async with store.uow() as tx:
        assert await tx.outbox.due(NOON + 5 * SECOND, limit=5) == [changed, things.letter(2)]


async def test_an_entry_is_not_added_twice(store: OpenStore) -> None:
    await put(store, things.letter())
    with pytest.raises(store.refusal):
        await put(store, things.letter())


async def test_what_waits_for_a_mailbox_comes_the_earliest_due_first(store: OpenStore) -> None:
    early, late = things.letter(1), things.letter(2).not_before(NOON + 600 * SECOND)
    others = things.letter(3, of=things.mailbox(2)).not_before(NOON + 900 * SECOND)
    await put(store, late, early, others)
    async with store.uow() as tx:
        assert await tx.outbox.waiting("mailbox-1") == [early, late]
        assert await tx.outbox.waiting("mailbox-2") == [others]
        assert await tx.outbox.waiting("mailbox-3") == []
        assert await tx.outbox.last_sent("mailbox-1") is None


async def test_the_letter_that_was_sent_last_is_found(store: OpenStore) -> None:
    sent = [things.letter(n).taken(NOON).sent(NOON + n * SECOND) for n in (2, 3, 1)]
    await put(store, *sent, in_state(9, LetterState.DROPPED))
    async with store.uow() as tx:
        assert await tx.outbox.last_sent("mailbox-1") == sent[1]
        assert await tx.outbox.last_sent("mailbox-2") is None
        assert await tx.outbox.waiting("mailbox-1") == []


async def test_letters_to_one_address_are_found_however_it_is_written(store: OpenStore) -> None:
    address = EmailAddress.parse("Payer@Example.org")
    letters = [replace(things.letter(n), to=address).not_before(NOON + n * SECOND) for n in (2, 1)]
    elsewhere = replace(things.letter(3), to=EmailAddress.parse("other@example.org"))
    dropped = replace(things.letter(4), to=address, state=LetterState.DROPPED)
    await put(store, *letters, elsewhere, dropped)
    same = EmailAddress.parse("payer@example.org")
    async with store.uow() as tx:
        both = [NOON + 2 * SECOND, NOON + SECOND]
        assert list(await tx.outbox.last_due_times_to(same, count=5)) == both
        assert list(await tx.outbox.last_due_times_to(same, count=1)) == both[:1]


@pytest.mark.parametrize("state", list(LetterState))
async def test_an_entry_is_found_in_any_state(store: OpenStore, state: LetterState) -> None:
    await put(store, in_state(1, state))
    waits = state in {LetterState.QUEUED, LetterState.SENDING}
    async with store.uow() as tx:
        assert await tx.outbox.waiting("mailbox-1") == ([in_state(1, state)] if waits else [])
        assert await tx.outbox.get("letter-1") == in_state(1, state)


async def test_the_queue_tells_since_when_nobody_tried_and_how_often_somebody_did(
    store: OpenStore,
) -> None:
    assert await store.queue.oldest_untried_letter() is None
    assert await store.queue.most_attempts() == 0
    later = things.letter(2).not_before(NOON + 600 * SECOND)
    tried = replace(things.letter(3).taken(NOON).failed("down", now=NOON), attempts=4)
    await put(store, later, things.letter(1).not_before(NOON + SECOND), tried)
    assert await store.queue.oldest_untried_letter() == NOON + SECOND
    assert await store.queue.most_attempts() == 4


@pytest.mark.parametrize("state", [LetterState.SENT, LetterState.DEAD, LetterState.DROPPED])
async def test_what_nobody_will_send_does_not_wait(store: OpenStore, state: LetterState) -> None:
    await put(store, replace(in_state(1, state), attempts=30))
    assert await store.queue.oldest_untried_letter() is None
    assert await store.queue.most_attempts() == 0
