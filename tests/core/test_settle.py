"""Settling: what was paid is credited once, whoever says so, however late."""

import asyncio
from datetime import timedelta

import pytest

from fakes.clock import NOON
from fakes.office import DOMAIN, OTHER_PAYER, Agent, Office
from keypost.billing import CheckoutState
from keypost.credentials import dovecot_digest
from keypost.errors import CheckoutNotFound, PaymentProviderUnavailable, StoreBusy
from keypost.letters import LetterState
from keypost.use_cases.settle_checkout import Reconciled

AGENT, OTHER = Agent(1), Agent(2)
MONTH_LATER = NOON.replace(month=12)


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_paid_checkout_makes_the_mailbox_active_and_lets_mail_in(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    mailbox = await office.settle(office.session())
    assert mailbox.paid_until == MONTH_LATER
    assert office.store.mailboxes == [mailbox]
    [checkout], [payment], [user] = (
        office.store.checkouts,
        office.store.payments,
        office.store.users,
    )
    assert checkout.state is CheckoutState.PAID
    assert (payment.mailbox_id, payment.checkout_id) == (mailbox.id, checkout.id)
    assert (payment.provider, payment.months) == ("memory", 1)
    assert user.login == mailbox.username
    assert user.email == f"{mailbox.username}@{DOMAIN}"
    assert user.maildir == f"{DOMAIN}/{mailbox.username}"
    assert user.password == dovecot_digest(office.credentials.derive(mailbox).password)
    assert user.enabled
    assert user.valid_until == MONTH_LATER
    assert user.grace_until == MONTH_LATER + timedelta(days=7)
    assert user.quota_bytes == 100_000_000
    assert await office.store.index.serves(DOMAIN)


async def test_an_unpaid_checkout_credits_nothing(office: Office) -> None:
    await office.claim(AGENT)
    mailbox = await office.settle(office.session())
    assert mailbox.paid_until is None
    assert (office.store.payments, office.store.users) == ([], [])
    assert office.store.checkouts[0].state is CheckoutState.OPEN


async def test_settling_again_credits_nothing_more(office: Office) -> None:
    await office.activate(AGENT)
    office.clock.advance(timedelta(days=3))
    for _ in range(3):
        assert (await office.settle(office.session())).paid_until == MONTH_LATER
    assert len(office.store.payments) == 1


async def test_fifty_settlements_at_once_credit_once(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    mailboxes = await asyncio.gather(*(office.settle(office.session()) for _ in range(50)))
    assert {mailbox.paid_until for mailbox in mailboxes} == {MONTH_LATER}
    assert len(office.store.payments) == 1


async def test_a_commit_that_fails_leaves_nothing_behind(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    before = office.store.tables.copy()
    office.store.commit_fails = StoreBusy()
    with pytest.raises(StoreBusy):
        await office.settle(office.session())
    assert office.store.tables == before
    office.store.commit_fails = None
    assert (await office.settle(office.session())).paid_until == MONTH_LATER
    assert len(office.store.users) == 1


async def test_an_ended_link_is_marked_as_ended(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.end(office.session())
    await office.settle(office.session())
    assert office.store.checkouts[0].state is CheckoutState.ENDED


async def test_a_superseded_link_that_is_paid_after_all_is_credited(office: Office) -> None:
    await office.claim(AGENT)
    office.clock.advance(timedelta(days=1))
    await office.claim(AGENT)  # the first link has ended, this is another
    old, new = office.session(0), office.session(1)
    assert old != new
    await office.pay(old)
    [mailbox] = office.store.mailboxes
    assert mailbox.paid_until == MONTH_LATER + timedelta(days=1)
    assert [each.state for each in office.store.checkouts] == [
        CheckoutState.PAID,
        CheckoutState.OPEN,
    ]
    await office.pay(new)
    assert office.store.mailboxes[0].paid_until == NOON.replace(year=2027, month=1, day=22)


async def test_the_time_counts_from_the_payment_and_not_from_the_news_of_it(
    office: Office,
) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    office.clock.advance(timedelta(days=5))
    assert (await office.settle(office.session())).paid_until == MONTH_LATER


async def test_an_unknown_session_is_not_found(office: Office) -> None:
    await office.claim(AGENT)
    with pytest.raises(CheckoutNotFound):
        await office.settle("memory_unknown")


async def test_a_provider_that_does_not_answer_changes_nothing(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    office.provider.down = True
    before = office.store.tables.copy()
    with pytest.raises(PaymentProviderUnavailable):
        await office.settle(office.session())
    assert office.store.tables == before


# --- letters ------------------------------------------------------------------


async def test_nobody_who_has_paid_is_asked_to_pay(office: Office) -> None:
    await office.claim(AGENT)
    await office.claim(OTHER)
    await office.pay(office.session(0))
    assert [each.state for each in office.store.letters] == [
        LetterState.DROPPED,
        LetterState.QUEUED,
    ]
    await office.send_letters()
    [letter] = office.notifier.sent.values()
    assert office.session(1) in letter.text


async def test_a_letter_that_waits_for_its_pause_is_dropped_with_the_payment(
    office: Office,
) -> None:
    await office.claim(AGENT)
    await office.send_letters()
    await office.claim(AGENT, billing=OTHER_PAYER)
    await office.pay(office.session())
    office.clock.advance(timedelta(hours=1))
    assert await office.send_letters() == []
    assert len(office.notifier.sent) == 1


async def test_a_letter_still_waits_while_nothing_was_paid(office: Office) -> None:
    await office.claim(AGENT)
    await office.settle(office.session())
    assert [each.state for each in office.store.letters] == [LetterState.QUEUED]


# --- reconciliation -----------------------------------------------------------


async def test_reconciling_settles_what_was_paid_and_closes_what_has_ended(
    office: Office,
) -> None:
    for number in (1, 2, 3):
        await office.claim(Agent(number))
    office.provider.pay(office.session(0))
    office.provider.end(office.session(1))
    assert await office.reconcile() == Reconciled(asked=3, unanswered=0)
    assert [each.state for each in office.store.checkouts] == [
        CheckoutState.PAID,
        CheckoutState.ENDED,
        CheckoutState.OPEN,
    ]
    assert await office.reconcile() == Reconciled(asked=1, unanswered=0)


async def test_reconciling_goes_on_past_what_the_provider_has_forgotten(office: Office) -> None:
    await office.claim(AGENT)
    await office.claim(OTHER)
    office.provider.pay(office.session(1))
    office.provider.forget(office.session(0))
    assert await office.reconcile() == Reconciled(asked=2, unanswered=0)
    assert office.store.mailboxes[1].paid_until == MONTH_LATER


async def test_reconciling_goes_on_past_what_cannot_be_settled(office: Office) -> None:
    await office.claim(AGENT)
    await office.claim(OTHER)
    office.provider.pay(office.session(0))
    office.provider.pay(office.session(1))
    mailbox = office.store.tables.mailboxes.pop(office.store.mailboxes[0].id)
    assert await office.reconcile() == Reconciled(asked=2, unanswered=1)
    assert office.store.mailboxes[0].paid_until == MONTH_LATER
    office.store.tables.mailboxes[mailbox.id] = mailbox
    assert await office.reconcile() == Reconciled(asked=1, unanswered=0)


async def test_reconciling_while_the_provider_is_down_loses_nothing(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    office.provider.down = True
    assert await office.reconcile() == Reconciled(asked=1, unanswered=1)
    office.provider.down = False
    assert await office.reconcile() == Reconciled(asked=1, unanswered=0)
    assert office.store.mailboxes[0].paid_until == MONTH_LATER


# --- what is derived, written anew --------------------------------------------


async def test_lost_receive_tables_are_written_anew(office: Office) -> None:
    await office.activate(AGENT)
    await office.activate(OTHER)
    await office.claim(Agent(3))  # never paid, so it never received
    users = office.store.users
    office.store.lose_receive_tables()
    assert await office.rewrite() == 3
    assert office.store.users == users
    assert await office.store.index.serves(DOMAIN)


async def test_a_row_that_is_behind_is_brought_up_to_date(office: Office) -> None:
    await office.activate(AGENT)
    behind = office.store.tables.users.copy()
    await office.renew(AGENT)
    await office.pay(office.session())
    [renewed] = office.store.users
    office.store.tables.users = behind
    await office.rewrite()
    assert office.store.users == [renewed]


async def test_rewriting_an_empty_store_still_serves_the_domain(office: Office) -> None:
    assert await office.rewrite() == 0
    assert await office.store.index.serves(DOMAIN)


async def test_rewriting_changes_no_mailbox_no_payment_and_no_digest(office: Office) -> None:
    await office.activate(AGENT)
    before = office.store.tables.copy()
    office.clock.advance(timedelta(days=1))
    await office.rewrite()
    after = office.store.tables
    assert (after.mailboxes, after.payments) == (before.mailboxes, before.payments)
    assert after.token_digests == before.token_digests
    assert after.users == before.users


async def test_after_a_change_of_the_secret_the_daemons_know_the_new_password(
    office: Office,
) -> None:
    await office.activate(AGENT)
    changed = office.with_secret(bytes(range(1, 33)))
    assert await changed.rewrite() == 1
    [mailbox], [user] = office.store.mailboxes, office.store.users
    assert user.password == dovecot_digest(changed.credentials.derive(mailbox).password)
