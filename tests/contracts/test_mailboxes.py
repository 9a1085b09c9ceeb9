"""What every MailboxStore and every MailboxIndex promises."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from contracts.stores import OpenStore
from fakes import things
from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.billing import CheckoutState
from keypost.mailbox import Mailbox

OTHER = things.mailbox(2)


async def put(store: OpenStore, mailbox: Mailbox, *, token_digest: str) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.add(mailbox, token_digest=token_digest)
        await tx.commit()


@pytest.mark.parametrize(
    ("mailbox", "digest"),
    [
        (replace(OTHER, id="mailbox-1"), things.digest(2)),
        (replace(OTHER, holder="SHA256:1"), things.digest(2)),
        (replace(OTHER, username="mbx_1"), things.digest(2)),
        (OTHER, things.digest(1)),
    ],
    ids=["id", "holder", "username", "token digest"],
)
async def test_there_is_one_mailbox_of_each(
    store: OpenStore, mailbox: Mailbox, digest: str
) -> None:
    await put(store, things.mailbox(), token_digest=things.digest(1))
    with pytest.raises(store.refusal):
        await put(store, mailbox, token_digest=digest)
    assert await store.index.held_by("SHA256:1") == things.mailbox()
    assert await store.index.held_by("SHA256:2") is None
    assert await store.index.with_token(things.digest(2)) is None


async def test_holders_differ_by_the_case_of_their_letters(store: OpenStore) -> None:
    upper, lower = (
        replace(things.mailbox(1), holder="SHA256:Ab"),
        replace(OTHER, holder="SHA256:ab"),
    )
    await put(store, upper, token_digest=things.digest(1))
    await put(store, lower, token_digest=things.digest(2))
    assert await store.index.held_by("SHA256:Ab") == upper
    assert await store.index.held_by("SHA256:ab") == lower
    assert await store.index.held_by("sha256:ab") is None


async def test_a_committed_mailbox_is_found_by_holder_and_token(store: OpenStore) -> None:
    await put(store, things.mailbox(1), token_digest=things.digest(1))
    await put(store, OTHER, token_digest=things.digest(2))
    assert await store.index.held_by("SHA256:2") == OTHER
    assert await store.index.with_token(things.digest(1)) == things.mailbox(1)
    assert await store.index.with_token(things.digest(3)) is None


async def test_an_update_brings_address_and_paid_time_up_to_date(store: OpenStore) -> None:
    await put(store, things.mailbox(), token_digest=things.digest(1))
    changed = things.mailbox().billed_to(EmailAddress.parse("new@example.org")).paid(NOON)
    async with store.uow() as tx:
        await tx.mailboxes.update(changed)
        assert await tx.mailboxes.get("mailbox-1") == changed
        await tx.commit()
    assert await store.index.held_by("SHA256:1") == changed
    assert await store.index.with_token(things.digest(1)) == changed


async def test_an_instant_comes_back_whatever_zone_it_was_told_in(store: OpenStore) -> None:
    vilnius = timezone(timedelta(hours=2))
    await put(store, things.mailbox(), token_digest=things.digest(1))
    async with store.uow() as tx:
        paid = things.mailbox().paid(datetime(2026, 12, 1, 1, 30, tzinfo=vilnius))
        await tx.mailboxes.update(paid)
        await tx.commit()
    found = await store.index.held_by("SHA256:1")
    assert found is not None
    assert found.paid_until == datetime(2026, 12, 1, 1, 30, tzinfo=vilnius)


async def test_all_lists_who_paid_and_who_never_did(store: OpenStore) -> None:
    long_ago = things.mailbox(2).paid(NOON - timedelta(days=400))
    await put(store, things.mailbox(1), token_digest=things.digest(1))
    await put(store, long_ago, token_digest=things.digest(2))
    async with store.uow() as tx:
        every = sorted(await tx.mailboxes.all(), key=lambda each: each.id)
    assert every == [things.mailbox(1), long_ago]


async def put_digest(store: OpenStore, mailbox_id: str, digest: str) -> None:
    async with store.uow() as tx:
        await tx.mailboxes.put_token_digest(mailbox_id, digest)
        await tx.commit()


async def test_a_new_token_digest_takes_the_place_of_the_old_one(store: OpenStore) -> None:
    await put(store, things.mailbox(1), token_digest=things.digest(1))
    await put(store, OTHER, token_digest=things.digest(2))
    for _ in range(2):  # again changes nothing
        await put_digest(store, "mailbox-1", things.digest(3))
        assert await store.index.with_token(things.digest(3)) == things.mailbox(1)
        assert await store.index.with_token(things.digest(1)) is None
        assert await store.index.with_token(things.digest(2)) == OTHER


async def test_two_mailboxes_do_not_come_to_share_a_token_digest(store: OpenStore) -> None:
    await put(store, things.mailbox(1), token_digest=things.digest(1))
    await put(store, OTHER, token_digest=things.digest(2))
    with pytest.raises(store.refusal):
        await put_digest(store, "mailbox-1", things.digest(2))
    assert await store.index.with_token(things.digest(1)) == things.mailbox(1)
    assert await store.index.with_token(things.digest(2)) == OTHER


async def test_the_index_shows_only_open_checkouts_the_oldest_first(store: OpenStore) -> None:
    states = [CheckoutState.OPEN, CheckoutState.PAID, CheckoutState.ENDED, CheckoutState.OPEN]
    async with store.uow() as tx:
        for number, state in enumerate(states, 1):
            mailbox = things.mailbox(number)
            checkout = replace(
                things.checkout(number, of=mailbox), created_at=NOON - timedelta(hours=number)
            )
            await tx.mailboxes.add(mailbox, token_digest=things.digest(number))
            await tx.checkouts.add(checkout.opened(things.session(number)).moved(state))
        await tx.mailboxes.add(things.mailbox(5), token_digest=things.digest(5))
        await tx.checkouts.add(things.checkout(5, of=things.mailbox(5)))  # only promised
        await tx.commit()
    assert list(await store.index.open_sessions("memory")) == ["session-4", "session-1"]
    assert list(await store.index.open_sessions("another")) == []
    shown = [await store.index.open_checkout(f"mailbox-{number}") for number in range(1, 7)]
    assert [each.id if each else None for each in shown] == [
        "checkout-1", None, None, "checkout-4", None, None,
    ]  # fmt: skip
