"""What every UnitOfWork promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.stores import OpenStore
from fakes import things
from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.errors import CheckoutNotFound, MailboxNotFound
from keypost.ports import Transaction

DAY = timedelta(days=1)


async def write_everything(tx: Transaction) -> None:
    await tx.mailboxes.add(things.mailbox(), token_digest=things.digest(1))
    await tx.checkouts.add(things.checkout().opened(things.session()))
    await tx.payments.record(things.payment())
    await tx.nonces.consume("nonce", expires_at=NOON + DAY)
    await tx.outbox.add(things.letter())
    await tx.receiving.put_domain("keypost.example")
    await tx.receiving.put(things.mail_user(), now=NOON)


async def assert_empty(store: OpenStore) -> None:
    async with store.uow() as tx:
        assert await tx.mailboxes.held_by("SHA256:1") is None
        assert await tx.checkouts.unsettled("mailbox-1") is None
        assert not await tx.payments.of("mailbox-1")
        assert not await tx.outbox.waiting("mailbox-1")
        await tx.nonces.consume("nonce", expires_at=NOON + DAY)
    assert await store.index.held_by("SHA256:1") is None
    assert not await store.directory.serves("keypost.example")
    assert await store.directory.by_login("mbx_1") is None


async def test_leaving_without_commit_forgets(store: OpenStore) -> None:
    async with store.uow() as tx:
        await write_everything(tx)
    await assert_empty(store)


async def test_an_error_forgets(store: OpenStore) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.uow() as tx:
            await write_everything(tx)
            raise ZeroDivisionError
    await assert_empty(store)


async def test_a_cancelled_change_forgets_and_lets_the_next_in(store: OpenStore) -> None:
    written = asyncio.Event()

    async def never_done() -> None:
        async with store.uow() as tx:
            await write_everything(tx)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_done())
    await asyncio.wait_for(written.wait(), timeout=10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(assert_empty(store), timeout=10)


async def test_what_was_committed_stays_when_more_was_written_after_it(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox(1), token_digest=things.digest(1))
        await tx.commit()
        await tx.mailboxes.add(things.mailbox(2), token_digest=things.digest(2))
    assert await store.index.held_by("SHA256:1") == things.mailbox(1)
    assert await store.index.held_by("SHA256:2") is None


async def test_a_transaction_sees_what_it_wrote_and_nobody_else_does(store: OpenStore) -> None:
    async with store.uow() as tx:
        await write_everything(tx)
        assert await tx.mailboxes.get("mailbox-1") == things.mailbox()
        assert await tx.payments.of("mailbox-1") == [things.payment()]
        assert await store.index.held_by("SHA256:1") is None
        assert await store.directory.by_email("mbx_1@keypost.example") is None
        await tx.commit()
    assert await store.index.held_by("SHA256:1") == things.mailbox()
    assert await store.directory.by_email("mbx_1@keypost.example") == things.mail_user()


async def test_writers_take_turns_so_that_no_change_is_lost(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox().paid(NOON), token_digest=things.digest(1))
        await tx.commit()

    async def add_a_day() -> None:
        async with store.uow() as tx:
            mailbox = await tx.mailboxes.get("mailbox-1")
            await asyncio.sleep(0)
            assert mailbox.paid_until is not None
            await tx.mailboxes.update(mailbox.paid(mailbox.paid_until + DAY))
            await tx.commit()

    await asyncio.gather(*(add_a_day() for _ in range(20)))
    mailbox = await store.index.held_by("SHA256:1")
    assert mailbox is not None
    assert mailbox.paid_until == NOON + 20 * DAY


async def test_a_refused_change_does_not_hold_up_the_next(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(things.mailbox(1), token_digest=things.digest(9))
        with pytest.raises(store.refusal):
            await tx.mailboxes.add(things.mailbox(2), token_digest=things.digest(9))
    async with store.uow() as tx:
        await write_everything(tx)
        await tx.commit()
    assert await store.index.held_by("SHA256:1") == things.mailbox()


async def test_what_is_not_there_is_missing(store: OpenStore) -> None:
    async with store.uow() as tx:
        with pytest.raises(MailboxNotFound):
            await tx.mailboxes.get("mailbox-1")
        with pytest.raises(CheckoutNotFound):
            await tx.checkouts.get("checkout-1")
        with pytest.raises(CheckoutNotFound):
            await tx.checkouts.by_session("memory", "session-1")


async def test_everything_comes_back_as_it_was_put_in(store: OpenStore) -> None:
    mailbox = replace(
        things.mailbox(),
        billing_email=EmailAddress.parse("O'Brien+Bills@example.org"),
        generation=3,
        paid_until=NOON + timedelta(days=31, microseconds=1),
        revoked_at=NOON + timedelta(days=2, microseconds=999_999),
    )
    checkout = things.checkout(of=mailbox).opened(things.session())
    payment = things.payment(of=checkout)
    letter = things.letter().taken(NOON).failed("why ✗", now=NOON)
    async with store.uow() as tx:
        await tx.mailboxes.add(mailbox, token_digest=things.digest(1))
        await tx.checkouts.add(checkout)
        await tx.payments.record(payment)
        await tx.outbox.add(letter)
        await tx.commit()
    async with store.uow() as tx:
        assert await tx.mailboxes.get(mailbox.id) == mailbox
        assert await tx.mailboxes.held_by(mailbox.holder) == mailbox
        assert await tx.checkouts.get(checkout.id) == checkout
        assert await tx.checkouts.by_session("memory", "session-1") == checkout
        assert await tx.payments.of(mailbox.id) == [payment]
        assert await tx.outbox.waiting(mailbox.id) == [letter]
        assert await tx.outbox.get(letter.id) == letter
