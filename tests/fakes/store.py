"""The store ports in memory, with the laws of the real one.

A transaction works on a copy of the tables, and ``commit()`` puts the copy in
their place; so what is not committed is not seen, and is forgotten.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from keypost.address import EmailAddress
from keypost.billing import Checkout, CheckoutState, Payment
from keypost.errors import ChallengeUsed, CheckoutNotFound, MailboxNotFound
from keypost.letters import LetterState, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.receiving import MailUser

_UNSETTLED = {CheckoutState.OPENING, CheckoutState.OPEN}
_OWED = {LetterState.QUEUED, LetterState.SENDING}


class ConstraintBroken(Exception):  # noqa: N818 - named for what happened
    """A change would break a law of the store; it was refused."""


@dataclass
class _Tables:
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    token_digests: dict[str, str] = field(default_factory=dict)  # mailbox id by digest
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    payments: dict[tuple[str, str], Payment] = field(default_factory=dict)
    nonces: dict[str, datetime] = field(default_factory=dict)
    outbox: dict[str, OutboxEntry] = field(default_factory=dict)
    domains: dict[str, None] = field(default_factory=dict)
    users: dict[str, MailUser] = field(default_factory=dict)
    users_written: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def copy(self) -> "_Tables":
        return _Tables(**{each.name: dict(getattr(self, each.name)) for each in fields(self)})


class MemoryStore:
    """An open store: changes (``uow``), used ``nonces``, and look-ups (``index``).

    ``commit_fails`` is raised by every commit while it is set.
    """

    def __init__(self) -> None:
        self.tables = _Tables()
        self.commit_fails: Exception | None = None
        self._writing = asyncio.Lock()
        self.index = MemoryIndex(self)
        self.nonces = MemoryHotNonceStore(self)

    @asynccontextmanager
    async def uow(self) -> AsyncIterator["MemoryTransaction"]:
        """Open a transaction when no other is open."""
        async with self._writing:
            yield MemoryTransaction(self)

    # --- what tests look at ---------------------------------------------------

    @property
    def mailboxes(self) -> list[Mailbox]:
        """Every committed mailbox, the oldest first."""
        return list(self.tables.mailboxes.values())

    @property
    def checkouts(self) -> list[Checkout]:
        """Every committed checkout, the oldest first."""
        return list(self.tables.checkouts.values())

    @property
    def payments(self) -> list[Payment]:
        """The committed ledger, the first recorded first."""
        return list(self.tables.payments.values())

    @property
    def letters(self) -> list[OutboxEntry]:
        """Every committed outbox entry, the first written first."""
        return list(self.tables.outbox.values())

    @property
    def users(self) -> list[MailUser]:
        """The committed rows of ``mail_users``."""
        return list(self.tables.users.values())

    def lose_receive_tables(self) -> None:
        """Forget what the mail daemons read, as when its file is lost."""
        self.tables = replace(self.tables, domains={}, users={}, users_written={})


class MemoryTransaction:
    """Transaction over a copy of the tables."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._tables = store.tables.copy()
        self.mailboxes = MemoryMailboxStore(self._tables)
        self.checkouts = MemoryCheckoutStore(self._tables)
        self.payments = MemoryPaymentLedger(self._tables)
        self.nonces = MemoryNonceStore(self._tables)
        self.outbox = MemoryOutbox(self._tables)
        self.receiving = MemoryReceiveTable(self._tables)

    async def commit(self) -> None:
        await asyncio.sleep(0)  # a real one waits for the disk
        if self._store.commit_fails is not None:
            raise self._store.commit_fails
        self._store.tables = self._tables.copy()


class MemoryMailboxStore:
    """MailboxStore in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def held_by(self, holder: str) -> Mailbox | None:
        return _held_by(self._tables, holder)

    async def get(self, mailbox_id: str) -> Mailbox:
        if mailbox_id not in self._tables.mailboxes:
            raise MailboxNotFound
        return self._tables.mailboxes[mailbox_id]

    async def add(self, mailbox: Mailbox, *, token_digest: str) -> None:
        known = self._tables.mailboxes
        _refuse(mailbox.id in known, "id")
        _refuse(any(each.holder == mailbox.holder for each in known.values()), "holder")
        _refuse(any(each.username == mailbox.username for each in known.values()), "username")
        _refuse(token_digest in self._tables.token_digests, "token digest")
        known[mailbox.id] = mailbox
        self._tables.token_digests[token_digest] = mailbox.id

    async def update(self, mailbox: Mailbox) -> None:
        known = await self.get(mailbox.id)
        self._tables.mailboxes[mailbox.id] = known.billed_to(mailbox.billing_email).paid(
            mailbox.paid_until
        )

    async def put_token_digest(self, mailbox_id: str, digest: str) -> None:
        digests = self._tables.token_digests
        _refuse(digests.get(digest, mailbox_id) != mailbox_id, "token digest")
        for old in [each for each, owner in digests.items() if owner == mailbox_id]:
            del digests[old]
            digests[digest] = mailbox_id

    async def all(self) -> Sequence[Mailbox]:
        return list(self._tables.mailboxes.values())


class MemoryCheckoutStore:
    """CheckoutStore in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def add(self, checkout: Checkout) -> None:
        _refuse(checkout.id in self._tables.checkouts, "id")
        await self.update(checkout)

    async def update(self, checkout: Checkout) -> None:
        others = [each for each in self._tables.checkouts.values() if each.id != checkout.id]
        known = {_session_key(each) for each in others if each.session}
        unsettled = {each.mailbox_id for each in others if each.state in _UNSETTLED}
        _refuse(checkout.session is not None and _session_key(checkout) in known, "session")
        _refuse(
            checkout.state in _UNSETTLED and checkout.mailbox_id in unsettled, "unsettled checkout"
        )
        self._tables.checkouts[checkout.id] = checkout

    async def get(self, checkout_id: str) -> Checkout:
        if checkout_id not in self._tables.checkouts:
            raise CheckoutNotFound
        return self._tables.checkouts[checkout_id]

    async def by_session(self, provider: str, session_id: str) -> Checkout:
        for checkout in self._tables.checkouts.values():
            if checkout.session and _session_key(checkout) == (provider, session_id):
                return checkout
        raise CheckoutNotFound

    async def unsettled(self, mailbox_id: str) -> Checkout | None:
        return _first_checkout(self._tables, mailbox_id, _UNSETTLED)


class MemoryPaymentLedger:
    """PaymentLedger in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def record(self, payment: Payment) -> bool:
        key = (payment.provider, payment.receipt.payment_id)
        if key in self._tables.payments:
            return False
        self._tables.payments[key] = payment
        return True

    async def of(self, mailbox_id: str) -> Sequence[Payment]:
        return [each for each in self._tables.payments.values() if each.mailbox_id == mailbox_id]


class MemoryNonceStore:
    """NonceStore inside a transaction."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def consume(self, nonce: str, *, expires_at: datetime) -> None:
        if nonce in self._tables.nonces:
            raise ChallengeUsed
        self._tables.nonces[nonce] = expires_at


class MemoryHotNonceStore:
    """NonceStore with a transaction of its own for each call."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def consume(self, nonce: str, *, expires_at: datetime) -> None:
        async with self._store.uow() as tx:
            await tx.nonces.consume(nonce, expires_at=expires_at)
            await tx.commit()


class MemoryOutbox:
    """Outbox in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def add(self, entry: OutboxEntry) -> None:
        _refuse(entry.id in self._tables.outbox, "id")
        await self.update(entry)

    async def update(self, entry: OutboxEntry) -> None:
        self._tables.outbox[entry.id] = replace(entry, facts=dict(entry.facts))

    async def due(self, now: datetime, *, limit: int) -> Sequence[OutboxEntry]:
        owed = [each for each in self._tables.outbox.values() if each.state in _OWED]
        due = sorted((each for each in owed if each.due_at <= now), key=_due_at)
        return due[:limit]

    async def get(self, entry_id: str) -> OutboxEntry:
        return self._tables.outbox[entry_id]

    async def waiting(self, mailbox_id: str) -> Sequence[OutboxEntry]:
        return [each for each in self._of(mailbox_id) if each.state in _OWED]

    async def last_sent(self, mailbox_id: str) -> OutboxEntry | None:
        sent = [each for each in self._of(mailbox_id) if each.state is LetterState.SENT]
        return sent[-1] if sent else None

    async def last_due_times_to(self, address: EmailAddress, *, count: int) -> Sequence[datetime]:
        letters = [
            each
            for each in self._tables.outbox.values()
            if str(each.to).lower() == str(address).lower()
            and each.state in {*_OWED, LetterState.SENT}
        ]
        return sorted((each.due_at for each in letters), reverse=True)[:count]

    def _of(self, mailbox_id: str) -> list[OutboxEntry]:
        entries = [each for each in self._tables.outbox.values() if each.mailbox_id == mailbox_id]
        return sorted(entries, key=_due_at)


class MemoryReceiveTable:
    """ReceiveTable in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def put_domain(self, domain: str) -> None:
        self._tables.domains[domain.lower()] = None

    async def put(self, user: MailUser, *, now: datetime) -> None:
        others = [each for each in self._tables.users.values() if each.login != user.login]
        _refuse(any(each.email == user.email.lower() for each in others), "email")
        created, _ = self._tables.users_written.get(user.login, (now, now))
        self._tables.users_written[user.login] = (created, now)
        self._tables.users[user.login] = replace(
            user,
            email=user.email.lower(),
            # Mail daemons compare whole seconds.
            valid_until=user.valid_until.replace(microsecond=0),
            grace_until=user.grace_until.replace(microsecond=0),
        )


class MemoryIndex:
    """MailboxIndex, LetterQueue and ReceiveDirectory over what is committed."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def held_by(self, holder: str) -> Mailbox | None:
        return _held_by(self._store.tables, holder)

    async def with_token(self, digest: str) -> Mailbox | None:
        mailbox_id = self._store.tables.token_digests.get(digest, "")
        return self._store.tables.mailboxes.get(mailbox_id)

    async def open_checkout(self, mailbox_id: str) -> Checkout | None:
        return _first_checkout(self._store.tables, mailbox_id, {CheckoutState.OPEN})

    async def open_sessions(self, provider: str) -> Sequence[str]:
        checkouts = self._store.tables.checkouts.values()
        found = [
            each
            for each in checkouts
            if each.state is CheckoutState.OPEN and each.provider == provider
        ]
        oldest_first = sorted(found, key=lambda each: each.created_at)
        return [each.session.session_id for each in oldest_first if each.session]

    async def oldest_untried_letter(self) -> datetime | None:
        untried = [each.due_at for each in self._owed() if not each.attempts]
        return min(untried, default=None)

    async def most_attempts(self) -> int:
        return max((each.attempts for each in self._owed()), default=0)

    def _owed(self) -> list[OutboxEntry]:
        return [each for each in self._store.tables.outbox.values() if each.state in _OWED]

    async def serves(self, domain: str) -> bool:
        return domain.lower() in self._store.tables.domains

    async def by_email(self, email: str) -> MailUser | None:
        users = self._store.tables.users.values()
        return next((each for each in users if each.email == email.lower()), None)

    async def by_login(self, login: str) -> MailUser | None:
        if "@" in login:
            return await self.by_email(login)
        return self._store.tables.users.get(login.lower())


def _held_by(tables: _Tables, holder: str) -> Mailbox | None:
    return next((each for each in tables.mailboxes.values() if each.holder == holder), None)


def _first_checkout(
    tables: _Tables, mailbox_id: str, states: set[CheckoutState]
) -> Checkout | None:
    of_mailbox = (each for each in tables.checkouts.values() if each.mailbox_id == mailbox_id)
    return next((each for each in of_mailbox if each.state in states), None)


def _session_key(checkout: Checkout) -> tuple[str, str]:
    return checkout.provider, checkout.session.session_id if checkout.session else ""


def _due_at(entry: OutboxEntry) -> datetime:
    return entry.due_at


def _refuse(broken: bool, what: str) -> None:  # noqa: FBT001 - a condition, not an option
    if broken:
        raise ConstraintBroken(what)
