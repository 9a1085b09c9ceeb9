"""What every NonceStore promises, inside a transaction, outside of one, and one against the other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from contracts.stores import OpenStore
from fakes.clock import NOON, FakeClock
from keypost.errors import ChallengeUsed

SOON = NOON + timedelta(seconds=35)

Consume = Callable[[OpenStore, str], Awaitable[None]]


async def outside(store: OpenStore, nonce: str) -> None:
    await store.nonces.consume(nonce, expires_at=SOON)


async def inside(store: OpenStore, nonce: str) -> None:
    async with store.uow() as tx:
        await tx.nonces.consume(nonce, expires_at=SOON)
        await tx.commit()


EITHER = pytest.mark.parametrize("consume", [outside, inside])


async def passed(store: OpenStore, *calls: tuple[Consume, str]) -> int:
    """Make all calls at once; return how many were let through."""
    tasks = (consume(store, nonce) for consume, nonce in calls)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, ChallengeUsed)]
    assert outcomes.count(None) + len(refused) == len(calls), outcomes
    return outcomes.count(None)


@EITHER
async def test_of_fifty_at_once_one_passes(store: OpenStore, consume: Consume) -> None:
    assert await passed(store, *[(consume, "nonce")] * 50) == 1


async def test_of_fifty_on_both_ways_one_passes(store: OpenStore) -> None:
    assert await passed(store, *[(outside, "nonce"), (inside, "nonce")] * 25) == 1


@pytest.mark.parametrize("first", [outside, inside])
@pytest.mark.parametrize("second", [outside, inside])
async def test_what_one_way_used_the_other_refuses(
    store: OpenStore, first: Consume, second: Consume
) -> None:
    await first(store, "nonce")
    with pytest.raises(ChallengeUsed):
        await second(store, "nonce")


@EITHER
async def test_different_nonces_do_not_hinder_each_other(
    store: OpenStore, consume: Consume
) -> None:
    assert await passed(store, *[(consume, f"nonce-{number}") for number in range(50)]) == 50


@EITHER
async def test_nonces_differ_by_the_case_of_their_letters(
    store: OpenStore, consume: Consume
) -> None:
    assert await passed(store, (consume, "Nonce"), (consume, "nonce")) == 2


async def test_a_nonce_is_not_used_up_by_a_change_that_was_undone(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.nonces.consume("nonce", expires_at=SOON)
    await outside(store, "nonce")


async def test_a_caller_that_leaves_does_not_take_the_others_along(store: OpenStore) -> None:
    leaving = [asyncio.create_task(outside(store, f"left-{number}")) for number in range(5)]
    staying = [asyncio.create_task(outside(store, f"stays-{number}")) for number in range(5)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*staying), timeout=10)
    outcomes = await asyncio.gather(*leaving, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in outcomes)


async def test_a_nonce_is_remembered_until_it_has_expired(
    store: OpenStore, clock: FakeClock
) -> None:
    await outside(store, "nonce")
    clock.now = SOON
    await outside(store, "another")  # forgets what may be forgotten
    for consume in (outside, inside):
        with pytest.raises(ChallengeUsed):
            await consume(store, "nonce")
