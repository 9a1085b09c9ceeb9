"""Settings in, service out: which adapter plays which role, read from top to bottom."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import structlog

from keypost.billing import Offer
from keypost.credentials import CredentialDeriver
from keypost.edproof.challenge import Challenges
from keypost.ports import Clock, Notifier, ReceiveDirectory
from keypost.receiving import ReceiveTerms
from keypost.use_cases.claim_mailbox import ClaimMailbox, MakeMailbox, RenewMailbox
from keypost.use_cases.mail_payment_link import MailPaymentLink
from keypost.use_cases.prove_key import (
    IssueChallenge,
    ProveByChallenge,
    ProveKey,
    prove_by_bare_key,
)
from keypost.use_cases.read_inbox import ListMessages, ReadMessage, ReadRawMessage
from keypost.use_cases.request_payment import RefreshCheckout, RequestPayment
from keypost.use_cases.resolve_access import OpenMailbox, ResolveAccess, ResolveToken
from keypost.use_cases.rewrite_derived import RewriteDerived
from keypost.use_cases.send_letters import SendLetters
from keypost.use_cases.settle_checkout import (
    Provision,
    ReconcileCheckouts,
    SettleCheckout,
)
from keypost_adapters.checkout.mock import MockCheckout
from keypost_adapters.http.app import UseCases, create_app
from keypost_adapters.http.face import PublicFace
from keypost_adapters.inbox.imap import ImapInbox
from keypost_adapters.keys.nacl import verify_ed25519
from keypost_adapters.letters.jinja import JinjaLetterWriter
from keypost_adapters.store import migrate
from keypost_adapters.store.sqlite import SqliteStore, open_sqlite
from keypostd.environment import SettingsInvalid
from keypostd.notifiers import notifier_for
from keypostd.readiness import Readiness
from keypostd.settings import Settings
from keypostd.workers import Bell, reconcile_forever, send_letters_forever

_log = structlog.get_logger(__name__)

_MEGABYTE = 1_000_000
_CURRENCY = "eur"

# Of each step of a request to a vendor; the adapters bound the whole.
_VENDOR_SECONDS = 9.0


@dataclass(frozen=True, slots=True)
class Service:
    """A wired service: the ASGI app, what runs beside it, and what mail daemons read."""

    app: Any
    workers: tuple[Callable[[], Awaitable[None]], ...]
    directory: ReceiveDirectory


def utc_now() -> datetime:
    """Return the time: the Clock of the real world."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Migrate, wire and repair a service; close what it holds at the end."""
    database, lookup = settings.database_dsn, settings.lookup_file
    try:
        await asyncio.to_thread(migrate.upgrade, database, lookup)
    except migrate.StoreUnusable as error:
        raise SettingsInvalid(f"DATABASE_DSN: {error}") from error
    bell = Bell()
    async with (
        open_sqlite(database, lookup, clock=utc_now, letter_owed=bell.ring) as store,
        AsyncExitStack() as closing,
    ):
        inbox = ImapInbox(
            host=settings.mail_reader_host, port=settings.imap_port, tls=settings.imap_tls
        )
        closing.push_async_callback(inbox.close)
        client = await closing.enter_async_context(httpx.AsyncClient(timeout=_VENDOR_SECONDS))
        notifier = notifier_for(
            settings.letters, client=client, folder=database.parent / "letters", clock=utc_now
        )
        yield await _wire(settings, store=store, inbox=inbox, notifier=notifier, bell=bell)


async def _wire(
    settings: Settings, *, store: SqliteStore, inbox: ImapInbox, notifier: Notifier, bell: Bell
) -> Service:
    clock, random = utc_now, secrets.token_bytes
    credentials = CredentialDeriver(settings.credential_secret.get_secret_value().encode())
    challenges = Challenges(
        settings.edproof_hmac_secret.get_secret_value().encode(), settings.public_base_url
    )
    prove = _proof(settings, challenges, clock)
    beside = settings.database_dsn.parent
    gateway = MockCheckout(beside / "mock-checkout", settings.public_base_url, clock)

    provision = Provision(credentials, _terms(settings), clock)
    settle = SettleCheckout(store.uow, gateway, provision)
    refresh = RefreshCheckout(store.index, settle, clock)
    mail_link = MailPaymentLink(clock, random, settings.mail_domain)
    offer = Offer(settings.mailbox_price_cents, _CURRENCY)
    payment = RequestPayment(store.uow, gateway, mail_link, offer, clock, random)
    make = MakeMailbox(clock, random, credentials)
    open_mailbox = OpenMailbox(store.index, credentials, clock)
    resolve_token = ResolveToken(store.index, open_mailbox)

    cases = UseCases(
        issue_challenge=IssueChallenge(challenges, clock, random),
        claim=ClaimMailbox(prove, refresh, store.uow, make, payment),
        renew=RenewMailbox(prove, refresh, store.uow, payment),
        resolve_access=ResolveAccess(prove, store.nonces, store.index, open_mailbox),
        resolve_token=resolve_token,
        list_messages=ListMessages(resolve_token, inbox),
        read_message=ReadMessage(resolve_token, inbox),
        read_raw_message=ReadRawMessage(resolve_token, inbox),
        settle_checkout=settle,
    )
    app = create_app(
        cases,
        _face(settings),
        credentials=credentials,
        clock=clock,
        ready=Readiness(store.index, migrate.newest_revision(), clock),
        mock_pay=gateway.pay,
        max_concurrent_requests=settings.max_concurrent_requests,
    )
    _log.info("receive_tables_written", mailboxes=await RewriteDerived(store.uow, provision)())
    send = SendLetters(store.uow, JinjaLetterWriter(), notifier, clock)
    reconcile = ReconcileCheckouts(store.index, settle)
    workers = partial(send_letters_forever, send, bell), partial(reconcile_forever, reconcile)
    return Service(app, workers, directory=store.index)


def _terms(settings: Settings) -> ReceiveTerms:
    return ReceiveTerms(
        mail_domain=settings.mail_domain,
        grace=timedelta(days=settings.grace_days),
        quota_bytes=settings.mailbox_quota_mb * _MEGABYTE,
    )


def _proof(settings: Settings, challenges: Challenges, clock: Clock) -> ProveKey:
    if settings.edproof_mode == "public-key":
        _log.warning("public_keys_taken_for_proof", setting="EDPROOF_MODE")
        return prove_by_bare_key
    return ProveByChallenge(challenges, verify_ed25519, clock)


def _face(settings: Settings) -> PublicFace:
    return PublicFace(
        public_base_url=settings.public_base_url,
        mail_domain=settings.mail_domain,
        imap_host=settings.mail_reader_host,
        imap_port=settings.imap_port,
        price_cents=settings.mailbox_price_cents,
        currency=_CURRENCY,
        quota_mb=settings.mailbox_quota_mb,
        build_number=settings.build_number,
        cache_buster=settings.cache_buster or settings.build_number,
    )
