"""Claiming and renewing: the same key gets the same mailbox and one link that can be paid."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.clock import NOON
from fakes.office import OTHER_PAYER, PAYER, Agent, Office
from keypost.billing import CheckoutState
from keypost.credentials import token_digest
from keypost.errors import (
    ChallengeExpired,
    ChallengeUsed,
    MailboxNotFound,
    MailboxRevoked,
    PaymentProviderUnavailable,
    SignatureInvalid,
    StoreBusy,
)
from keypost.mailbox import Status

AGENT, STRANGER = Agent(1), Agent(2)
MONTH_LATER = NOON.replace(month=12)


@pytest.fixture
def office() -> Office:
    return Office()


async def revoke(office: Office, agent: Agent) -> None:
    mailbox = replace(office.store.mailboxes[0], revoked_at=office.clock())
    assert mailbox.holder == agent.key.fingerprint
    office.store.tables.mailboxes[mailbox.id] = mailbox


def states(office: Office) -> list[CheckoutState]:
    return [checkout.state for checkout in office.store.checkouts]


async def test_a_new_key_gets_a_mailbox_a_link_and_a_letter(office: Office) -> None:
    claimed = await office.claim(AGENT)
    assert claimed.is_new
    assert claimed.mailbox.holder == AGENT.key.fingerprint
    assert claimed.mailbox.status(NOON) is Status.PENDING_PAYMENT
    assert office.store.mailboxes == [claimed.mailbox]
    [checkout], [letter] = office.store.checkouts, office.store.letters
    assert checkout.payable(NOON)
    assert checkout.session is not None
    assert checkout.session.payment_url == claimed.payment_url
    assert letter.facts["payment_url"] == claimed.payment_url
    assert letter.facts["email"] == f"{claimed.mailbox.username}@keypost.example"
    assert (letter.to, letter.facts["price"], letter.facts["months"]) == (PAYER, "1.00 EUR", "1")
    assert office.provider.billed_to == ["payer@example.org"]


async def test_a_mailbox_name_says_nothing_of_its_key(office: Office) -> None:
    name = (await office.claim(AGENT)).mailbox.username
    assert name.startswith("mbx_")
    assert len(name) == 20
    assert name == name.lower()
    assert name.removeprefix("mbx_").isalnum()


async def test_a_new_mailbox_is_found_by_its_token(office: Office) -> None:
    mailbox = (await office.claim(AGENT)).mailbox
    token = office.credentials.derive(mailbox).access_token
    assert await office.store.index.with_token(token_digest(token)) == mailbox


async def test_the_same_key_gets_the_same_mailbox_and_the_same_link(office: Office) -> None:
    first, second = await office.claim(AGENT), await office.claim(AGENT)
    assert second == replace(first, is_new=False)
    assert len(office.store.checkouts) == len(office.store.letters) == 1


async def test_another_key_gets_another_mailbox(office: Office) -> None:
    first, second = await office.claim(AGENT), await office.claim(STRANGER)
    assert second.is_new
    assert first.mailbox.id != second.mailbox.id
    assert first.mailbox.username != second.mailbox.username
    assert first.payment_url != second.payment_url


async def test_fifty_claims_at_once_make_one_mailbox_one_checkout_and_one_letter(
    office: Office,
) -> None:
    proofs = [office.shown_by(AGENT) for _ in range(50)]
    claims = await asyncio.gather(*(office.claim_mailbox(proof, PAYER) for proof in proofs))
    assert len({claimed.mailbox.id for claimed in claims}) == 1
    assert len({claimed.payment_url for claimed in claims}) == 1
    assert claims[0].payment_url
    assert sum(claimed.is_new for claimed in claims) == 1
    assert len(office.store.mailboxes) == 1
    assert len(office.store.checkouts) == 1
    assert len(office.store.letters) == 1
    assert len(office.provider.opened) == 1


async def test_fifty_claims_with_one_proof_let_one_in(office: Office) -> None:
    proof = office.shown_by(AGENT)
    claims = (office.claim_mailbox(proof, PAYER) for _ in range(50))
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(each, ChallengeUsed) for each in outcomes) == 49
    assert len(office.store.mailboxes) == 1


async def test_a_proof_claims_only_once(office: Office) -> None:
    proof = office.shown_by(AGENT)
    await office.claim_mailbox(proof, PAYER)
    with pytest.raises(ChallengeUsed):
        await office.claim_mailbox(proof, OTHER_PAYER)
    assert office.store.mailboxes[0].billing_email == PAYER


async def test_a_proof_of_another_key_or_of_yesterday_makes_nothing(office: Office) -> None:
    stolen = replace(office.shown_by(AGENT), signature=office.shown_by(STRANGER).signature)
    with pytest.raises(SignatureInvalid):
        await office.claim_mailbox(stolen, PAYER)
    late = office.shown_by(AGENT)
    office.clock.advance(timedelta(seconds=31))
    with pytest.raises(ChallengeExpired):
        await office.claim_mailbox(late, PAYER)
    assert office.store.mailboxes == []


async def test_a_new_billing_address_replaces_the_old_one_while_unpaid(office: Office) -> None:
    first = await office.claim(AGENT)
    second = await office.claim(AGENT, billing=OTHER_PAYER)
    assert second.payment_url == first.payment_url
    assert second.mailbox.billing_email == OTHER_PAYER
    assert office.store.mailboxes == [second.mailbox]
    await office.send_letters()
    assert [letter.to for letter in office.notifier.sent.values()] == [OTHER_PAYER]


async def test_an_active_mailbox_owes_nothing_and_keeps_its_billing_address(
    office: Office,
) -> None:
    await office.activate(AGENT)
    claimed = await office.claim(AGENT, billing=OTHER_PAYER)
    assert claimed.payment_url == ""
    assert not claimed.is_new
    assert claimed.mailbox.billing_email == PAYER
    assert claimed.mailbox.paid_until == MONTH_LATER
    assert states(office) == [CheckoutState.PAID]
    assert len(office.store.letters) == 1


async def test_an_expired_mailbox_gets_a_new_link(office: Office) -> None:
    await office.activate(AGENT)
    await office.send_letters()
    office.clock.now = MONTH_LATER
    claimed = await office.claim(AGENT)
    assert claimed.mailbox.status(MONTH_LATER) is Status.EXPIRED
    assert states(office) == [CheckoutState.PAID, CheckoutState.OPEN]
    assert claimed.payment_url.endswith(office.session())
    assert len(office.store.letters) == 2


async def test_a_revoked_mailbox_is_shown_and_asks_for_no_money(office: Office) -> None:
    await office.claim(AGENT)
    await revoke(office, AGENT)
    claimed = await office.claim(AGENT, billing=OTHER_PAYER)
    assert claimed.mailbox.status(NOON) is Status.REVOKED
    assert claimed.mailbox.billing_email == PAYER
    assert claimed.payment_url == ""
    assert len(office.store.letters) == 1


async def test_a_claim_whose_commit_fails_changes_nothing(office: Office) -> None:
    proof = office.shown_by(AGENT)
    office.store.commit_fails = StoreBusy()
    with pytest.raises(StoreBusy):
        await office.claim_mailbox(proof, PAYER)
    office.store.commit_fails = None
    assert (office.store.mailboxes, office.store.checkouts) == ([], [])
    assert office.store.letters == []
    assert office.provider.opened == []
    assert (await office.claim_mailbox(proof, PAYER)).is_new  # the proof was not used up


# --- the provider fails -------------------------------------------------------


async def test_the_next_claim_keeps_the_promise_that_a_failing_provider_broke(
    office: Office,
) -> None:
    office.provider.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim(AGENT)
    [promised] = office.store.checkouts
    assert promised.state is CheckoutState.OPENING
    assert office.store.letters == []  # there is no link to mail yet
    office.provider.down = False
    claimed = await office.claim(AGENT)
    assert not claimed.is_new
    assert claimed.payment_url
    assert [checkout.id for checkout in office.store.checkouts] == [promised.id]
    assert office.provider.opened == [promised.id]
    assert len(office.store.letters) == 1


async def test_an_answer_that_was_lost_is_asked_for_under_the_same_id(office: Office) -> None:
    office.provider.loses_answers = True
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim(AGENT)
    office.provider.loses_answers = False
    claimed = await office.claim(AGENT)
    first, second = office.provider.opened
    assert first == second
    assert claimed.payment_url.endswith(office.session())


async def test_a_commit_that_fails_after_the_provider_opened_is_made_up_for(
    office: Office,
) -> None:
    office.provider.answers.clear()
    claim = asyncio.create_task(office.claim(AGENT))
    while not office.store.checkouts:
        await asyncio.sleep(0)
    office.store.commit_fails = StoreBusy()
    office.provider.answers.set()
    with pytest.raises(StoreBusy):
        await claim
    office.store.commit_fails = None
    claimed = await office.claim(AGENT)
    assert len(set(office.provider.opened)) == 1
    assert claimed.payment_url.endswith(office.session())
    assert len(office.store.letters) == 1


async def test_no_transaction_is_open_while_the_provider_is_asked(office: Office) -> None:
    office.provider.answers.clear()
    claim = asyncio.create_task(office.claim(AGENT))
    while not office.store.checkouts:
        await asyncio.sleep(0)
    async with asyncio.timeout(10), office.store.uow() as tx:
        assert await tx.mailboxes.held_by(AGENT.key.fingerprint) is not None
    assert not claim.done()
    office.provider.answers.set()
    assert (await claim).payment_url


async def test_an_address_that_changes_while_the_link_is_opened_gets_the_letter(
    office: Office,
) -> None:
    office.provider.answers.clear()
    first = asyncio.create_task(office.claim(AGENT))
    second = asyncio.create_task(office.claim(AGENT, billing=OTHER_PAYER))
    while not (office.store.mailboxes and office.store.mailboxes[0].billing_email == OTHER_PAYER):
        await asyncio.sleep(0)
    office.provider.answers.set()
    assert (await first).payment_url == (await second).payment_url
    assert office.store.letters[-1].to == OTHER_PAYER


async def test_a_promise_outlives_a_change_of_provider(office: Office) -> None:
    office.provider.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim(AGENT)
    office.provider.down, office.provider.provider = False, "another"
    await office.claim(AGENT)
    await office.pay(office.session())
    assert office.store.mailboxes[0].status(NOON) is Status.ACTIVE


async def test_an_active_mailbox_is_shown_although_the_provider_is_down(office: Office) -> None:
    await office.activate(AGENT)
    await office.renew(AGENT)  # a link is open that could be asked about
    office.clock.advance(timedelta(minutes=2))
    office.provider.down = True
    claimed = await office.claim(AGENT)
    assert (claimed.payment_url, claimed.mailbox.paid_until) == ("", MONTH_LATER)
    with pytest.raises(PaymentProviderUnavailable):
        await office.renew(AGENT)


# --- the link ended, or was paid and nobody said so ----------------------------


async def test_a_link_that_ended_at_the_provider_is_replaced(office: Office) -> None:
    first = await office.claim(AGENT)
    office.provider.end(office.session())
    office.clock.advance(timedelta(minutes=2))
    second = await office.claim(AGENT)
    assert second.payment_url not in {"", first.payment_url}
    assert states(office) == [CheckoutState.ENDED, CheckoutState.OPEN]


async def test_a_link_whose_time_is_over_is_replaced(office: Office) -> None:
    first = await office.claim(AGENT)
    office.clock.advance(timedelta(days=1))
    second = await office.claim(AGENT)
    assert second.payment_url not in {"", first.payment_url}
    assert states(office) == [CheckoutState.ENDED, CheckoutState.OPEN]


async def test_a_link_that_is_over_before_it_is_asked_about_is_replaced(office: Office) -> None:
    office.provider.lifetime = timedelta(seconds=30)
    first = await office.claim(AGENT)
    office.clock.advance(timedelta(seconds=30))
    second = await office.claim(AGENT)
    assert second.payment_url not in {"", first.payment_url}
    assert states(office) == [CheckoutState.ENDED, CheckoutState.OPEN]


async def test_a_promise_whose_session_is_over_when_it_is_opened_is_replaced(
    office: Office,
) -> None:
    office.provider.loses_answers = True
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim(AGENT)
    office.provider.loses_answers = False
    office.clock.advance(timedelta(days=1))  # the provider opened a session, and it is over
    claims = await asyncio.gather(office.claim(AGENT), office.claim(AGENT))
    assert states(office) == [CheckoutState.ENDED, CheckoutState.OPEN]
    dead, alive = office.store.checkouts
    assert dead.session is not None
    assert alive.session is not None
    assert {claimed.payment_url for claimed in claims} == {alive.session.payment_url}
    assert office.provider.opened == [dead.id, dead.id, alive.id]
    [letter] = office.store.letters  # the dead link is mailed to nobody
    assert letter.facts["payment_url"] == alive.session.payment_url
    await office.pay(office.session())
    assert office.store.mailboxes[0].status(office.clock()) is Status.ACTIVE


async def test_a_payment_nobody_told_of_is_settled_by_the_next_claim(office: Office) -> None:
    await office.claim(AGENT)
    office.provider.pay(office.session())
    office.clock.advance(timedelta(minutes=2))
    claimed = await office.claim(AGENT)
    assert claimed.mailbox.paid_until == MONTH_LATER
    assert claimed.payment_url == ""
    assert states(office) == [CheckoutState.PAID]


async def test_a_claim_that_cannot_refresh_its_link_uses_up_no_proof(office: Office) -> None:
    await office.claim(AGENT)
    office.clock.advance(timedelta(minutes=2))
    proof = office.shown_by(AGENT)
    office.provider.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim_mailbox(proof, PAYER)
    office.provider.down = False
    assert (await office.claim_mailbox(proof, PAYER)).payment_url


async def test_a_link_that_the_provider_has_forgotten_is_replaced(office: Office) -> None:
    first = await office.claim(AGENT)
    office.provider.forget(office.session())
    office.clock.advance(timedelta(minutes=2))
    second = await office.claim(AGENT)
    assert second.payment_url not in {"", first.payment_url}


# --- renewing -----------------------------------------------------------------


async def test_renewing_an_active_mailbox_stacks(office: Office) -> None:
    await office.activate(AGENT)
    office.clock.advance(timedelta(days=10))
    renewal = await office.renew(AGENT)
    assert renewal.payment_url.endswith(office.session())
    assert not renewal.is_new
    await office.pay(office.session())
    assert office.store.mailboxes[0].paid_until == NOON.replace(year=2027, month=1)
    assert states(office) == [CheckoutState.PAID, CheckoutState.PAID]


async def test_renewing_late_starts_at_the_payment(office: Office) -> None:
    await office.activate(AGENT)
    office.clock.now = NOON.replace(year=2027, month=3, day=5)
    await office.renew(AGENT)
    await office.pay(office.session())
    assert office.store.mailboxes[0].paid_until == NOON.replace(year=2027, month=4, day=5)


async def test_renewing_twice_gives_the_open_link_again(office: Office) -> None:
    await office.activate(AGENT)
    first, second = await office.renew(AGENT), await office.renew(AGENT)
    assert first.payment_url == second.payment_url
    assert states(office) == [CheckoutState.PAID, CheckoutState.OPEN]


async def test_a_renewal_may_bill_somebody_else(office: Office) -> None:
    await office.activate(AGENT)
    office.clock.advance(timedelta(hours=1))
    renewal = await office.renew(AGENT, billing=OTHER_PAYER)
    assert renewal.mailbox.billing_email == OTHER_PAYER
    assert office.store.letters[-1].to == OTHER_PAYER


async def test_a_key_without_a_mailbox_renews_nothing_and_its_proof_is_used_up(
    office: Office,
) -> None:
    proof = office.shown_by(AGENT)
    with pytest.raises(MailboxNotFound):
        await office.renew_mailbox(proof, PAYER)
    with pytest.raises(ChallengeUsed):
        await office.renew_mailbox(proof, PAYER)
    assert office.store.mailboxes == []


async def test_a_revoked_mailbox_is_not_renewed(office: Office) -> None:
    await office.activate(AGENT)
    await revoke(office, AGENT)
    proof = office.shown_by(AGENT)
    with pytest.raises(MailboxRevoked):
        await office.renew_mailbox(proof, PAYER)
    with pytest.raises(ChallengeUsed):
        await office.renew_mailbox(proof, PAYER)
