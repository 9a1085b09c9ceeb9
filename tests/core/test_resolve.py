"""Whoever proves the key or shows the token of a paid mailbox gets what opens it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.clock import NOON
from fakes.inbox import MemoryInbox
from fakes.office import Agent, Office
from keypost.credentials import token_digest
from keypost.errors import (
    AccessTokenInvalid,
    ChallengeUsed,
    MailboxNotFound,
    MailboxRevoked,
    PaymentDue,
    ProofMissing,
    ProtocolUnsupported,
)
from keypost.use_cases.prove_key import ShownProof
from keypost.use_cases.read_inbox import ListMessages, ReadMessage, ReadRawMessage

AGENT, STRANGER = Agent(1), Agent(2)
MONTH_LATER = NOON.replace(month=12)
NEW_SECRET = bytes(range(1, 33))


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_paid_mailbox_opens(office: Office) -> None:
    await office.activate(AGENT)
    access = await office.resolve(AGENT)
    assert access.mailbox == office.store.mailboxes[0]
    assert access.credentials == office.credentials.derive(access.mailbox)
    assert (await office.resolve_token(access.credentials.access_token)) == access


async def test_resolving_again_gives_the_same_and_writes_nothing_but_the_nonce(
    office: Office,
) -> None:
    await office.activate(AGENT)
    before = office.store.tables.copy()
    first, second = await office.resolve(AGENT), await office.resolve(AGENT)
    assert first == second
    assert len(office.store.tables.nonces) == len(before.nonces) + 2
    assert replace(office.store.tables, nonces={}) == replace(before, nonces={})


async def test_an_unpaid_mailbox_tells_where_to_pay(office: Office) -> None:
    claimed = await office.claim(AGENT)
    with pytest.raises(PaymentDue) as caught:
        await office.resolve(AGENT)
    assert caught.value.payment_url == claimed.payment_url


async def test_a_link_that_cannot_be_paid_any_more_is_not_shown(office: Office) -> None:
    await office.claim(AGENT)
    office.clock.advance(timedelta(days=1))
    with pytest.raises(PaymentDue) as caught:
        await office.resolve(AGENT)
    assert caught.value.payment_url == ""


async def test_an_expired_mailbox_is_closed_to_the_moment(office: Office) -> None:
    await office.activate(AGENT)
    token = (await office.resolve(AGENT)).credentials.access_token
    office.clock.now = MONTH_LATER - timedelta(microseconds=1)
    assert (await office.resolve_token(token)).mailbox.usable(office.clock())
    office.clock.now = MONTH_LATER
    with pytest.raises(PaymentDue):
        await office.resolve_token(token)
    with pytest.raises(PaymentDue):
        await office.resolve(AGENT)


async def test_a_renewed_mailbox_opens_with_the_token_it_had(office: Office) -> None:
    await office.activate(AGENT)
    before = (await office.resolve(AGENT)).credentials
    office.clock.now = MONTH_LATER + timedelta(days=1)
    await office.claim(AGENT)
    await office.pay(office.session())
    assert (await office.resolve_token(before.access_token)).credentials == before


async def test_a_revoked_mailbox_stays_closed_although_it_is_paid(office: Office) -> None:
    await office.activate(AGENT)
    token = (await office.resolve(AGENT)).credentials.access_token
    mailbox = replace(office.store.mailboxes[0], revoked_at=NOON)
    office.store.tables.mailboxes[mailbox.id] = mailbox
    with pytest.raises(MailboxRevoked):
        await office.resolve(AGENT)
    with pytest.raises(MailboxRevoked):
        await office.resolve_token(token)


async def test_a_key_without_a_mailbox_finds_none(office: Office) -> None:
    await office.activate(AGENT)
    with pytest.raises(MailboxNotFound):
        await office.resolve(STRANGER)


async def test_a_proof_opens_once(office: Office) -> None:
    await office.activate(AGENT)
    proof = office.shown_by(AGENT)
    await office.resolve_access(proof, protocol="imap")
    with pytest.raises(ChallengeUsed):
        await office.resolve_access(proof, protocol="imap")


async def test_of_fifty_with_one_proof_one_gets_in(office: Office) -> None:
    await office.activate(AGENT)
    proof = office.shown_by(AGENT)
    calls = (office.resolve_access(proof, protocol="imap") for _ in range(50))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, ChallengeUsed) for each in outcomes) == 49


async def test_a_proof_that_claimed_does_not_resolve(office: Office) -> None:
    await office.activate(AGENT)
    proof = office.shown_by(AGENT)
    await office.claim_mailbox(proof, office.store.mailboxes[0].billing_email)
    with pytest.raises(ChallengeUsed):
        await office.resolve_access(proof, protocol="imap")


@pytest.mark.parametrize("protocol", ["pop3", "IMAP", "", "imap " * 100])
async def test_another_protocol_is_not_served_and_uses_up_no_proof(
    office: Office, protocol: str
) -> None:
    await office.activate(AGENT)
    proof = office.shown_by(AGENT)
    with pytest.raises(ProtocolUnsupported) as caught:
        await office.resolve_access(proof, protocol=protocol)
    assert len(str(caught.value)) < 100
    access = await office.resolve_access(proof, protocol="imap")
    assert access.mailbox.holder == AGENT.key.fingerprint


async def test_no_proof_is_a_proof_that_is_missing(office: Office) -> None:
    with pytest.raises(ProofMissing):
        await office.resolve_access(ShownProof(), protocol="imap")


@pytest.mark.parametrize("token", ["", "kpa_", "kpa_" + "A" * 43, "\0", "é" * 99])
async def test_a_wrong_token_opens_nothing(office: Office, token: str) -> None:
    await office.activate(AGENT)
    with pytest.raises(AccessTokenInvalid):
        await office.resolve_token(token)


async def test_the_password_is_no_token_and_the_digest_is_none_either(office: Office) -> None:
    await office.activate(AGENT)
    password = (await office.resolve(AGENT)).credentials.password
    [digest] = office.store.tables.token_digests
    for text in (password, digest):
        with pytest.raises(AccessTokenInvalid):
            await office.resolve_token(text)


async def test_a_token_of_an_old_secret_opens_nothing(office: Office) -> None:
    await office.activate(AGENT)
    old = (await office.resolve(AGENT)).credentials.access_token
    changed = office.with_secret(NEW_SECRET)
    # Until the digests are written anew, the old one still leads to the mailbox.
    assert await changed.store.index.with_token(token_digest(old)) is not None
    with pytest.raises(AccessTokenInvalid):
        await changed.resolve_token(old)
    await changed.rewrite()
    with pytest.raises(AccessTokenInvalid):
        await changed.resolve_token(old)


async def test_a_token_of_the_new_secret_opens_once_the_digests_are_written_anew(
    office: Office,
) -> None:
    await office.activate(AGENT)
    await office.claim(STRANGER)  # not paid, and found by its token all the same
    changed = office.with_secret(NEW_SECRET)
    assert await changed.rewrite() == 2
    access = await changed.resolve(AGENT)
    assert await changed.resolve_token(access.credentials.access_token) == access
    unpaid = changed.credentials.derive(office.store.mailboxes[1])
    with pytest.raises(PaymentDue):
        await changed.resolve_token(unpaid.access_token)


async def test_reading_needs_a_paid_mailbox_before_the_inbox_is_asked(office: Office) -> None:
    await office.claim(AGENT)
    mailbox = office.store.mailboxes[0]
    token = office.credentials.derive(mailbox).access_token
    inbox = MemoryInbox()
    with pytest.raises(PaymentDue):
        await ListMessages(office.resolve_token, inbox)(
            token, unread_only=False, limit=20, include_body=True
        )
    with pytest.raises(PaymentDue):
        await ReadMessage(office.resolve_token, inbox)(token, 1, include_body=True)
    with pytest.raises(PaymentDue):
        await ReadRawMessage(office.resolve_token, inbox)(token, 1)
