"""What every CheckoutStore and every PaymentLedger promises."""

import asyncio
from dataclasses import replace

import pytest

from contracts.stores import OpenStore
from fakes import things
from keypost.billing import CheckoutState

ENDED = things.checkout(1).opened(things.session(1)).moved(CheckoutState.ENDED)


@pytest.fixture(autouse=True)
async def mailboxes(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox(1), token_digest=things.digest(1))
        await tx.mailboxes.add(things.mailbox(2), token_digest=things.digest(2))
        await tx.commit()


@pytest.mark.parametrize("first", [CheckoutState.OPENING, CheckoutState.OPEN])
@pytest.mark.parametrize("second", [CheckoutState.OPENING, CheckoutState.OPEN])
async def test_a_mailbox_has_one_unsettled_checkout(
    store: OpenStore, first: CheckoutState, second: CheckoutState
) -> None:
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout(1).moved(first))
        await tx.commit()
    with pytest.raises(store.refusal):
        async with store.uow() as tx:
            await tx.checkouts.add(things.checkout(2).moved(second))
    async with store.uow() as tx:
        assert await tx.checkouts.unsettled("mailbox-1") == things.checkout(1).moved(first)


async def test_an_ended_checkout_does_not_come_back_beside_another(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.checkouts.add(ENDED)
        await tx.checkouts.add(things.checkout(2))
        await tx.commit()
    with pytest.raises(store.refusal):
        async with store.uow() as tx:
            await tx.checkouts.update(ENDED.moved(CheckoutState.OPEN))


async def test_another_mailbox_has_a_checkout_of_its_own(store: OpenStore) -> None:
    other = things.checkout(2, of=things.mailbox(2))
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout(1))
        await tx.checkouts.add(other)
        assert await tx.checkouts.unsettled("mailbox-2") == other


@pytest.mark.parametrize("settled", [CheckoutState.PAID, CheckoutState.ENDED])
async def test_a_settled_checkout_makes_room_and_is_remembered(
    store: OpenStore, settled: CheckoutState
) -> None:
    first, second = things.checkout(1).opened(things.session(1)), things.checkout(2)
    async with store.uow() as tx:
        await tx.checkouts.add(first)
        await tx.checkouts.update(first.moved(settled))
        assert await tx.checkouts.unsettled("mailbox-1") is None
        await tx.checkouts.add(second)
        await tx.commit()
    async with store.uow() as tx:
        assert await tx.checkouts.by_session("memory", "session-1") == first.moved(settled)
        assert await tx.checkouts.get("checkout-1") == first.moved(settled)
        assert await tx.checkouts.unsettled("mailbox-1") == second


async def test_a_checkout_is_not_added_twice(store: OpenStore) -> None:
    with pytest.raises(store.refusal):
        async with store.uow() as tx:
            await tx.checkouts.add(ENDED)
            await tx.commit()
            await tx.checkouts.add(ENDED)


async def test_a_session_belongs_to_one_checkout_of_its_provider(store: OpenStore) -> None:
    same_session = replace(ENDED, id="checkout-2")
    elsewhere = replace(ENDED, id="checkout-3", provider="other")
    async with store.uow() as tx:
        await tx.checkouts.add(ENDED)
        await tx.checkouts.add(elsewhere)
        await tx.commit()
    with pytest.raises(store.refusal):
        async with store.uow() as tx:
            await tx.checkouts.add(same_session)
    async with store.uow() as tx:
        assert await tx.checkouts.by_session("other", "session-1") == elsewhere
        assert await tx.checkouts.by_session("memory", "session-1") == ENDED


async def test_the_ledger_records_a_payment_once(store: OpenStore) -> None:
    claimed_again = replace(things.payment(), months=12)
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout())
        assert await tx.payments.record(things.payment())
        assert not await tx.payments.record(claimed_again)
        await tx.commit()
    async with store.uow() as tx:
        assert not await tx.payments.record(claimed_again)
        assert await tx.payments.of("mailbox-1") == [things.payment()]


async def test_of_fifty_at_once_one_records(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout())
        await tx.commit()

    async def record() -> bool:
        async with store.uow() as tx:
            recorded = await tx.payments.record(things.payment())
            await tx.commit()
        return recorded

    assert sum(await asyncio.gather(*(record() for _ in range(50)))) == 1


async def test_providers_may_use_the_same_payment_id(store: OpenStore) -> None:
    other = replace(things.payment(), provider="other")
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout())
        assert await tx.payments.record(things.payment())
        assert await tx.payments.record(other)
        assert len(await tx.payments.of("mailbox-1")) == 2
        assert not await tx.payments.of("mailbox-2")


async def test_a_payment_that_was_not_committed_can_be_recorded(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout())
        assert await tx.payments.record(things.payment())
    async with store.uow() as tx:
        await tx.checkouts.add(things.checkout())
        assert await tx.payments.record(things.payment())
