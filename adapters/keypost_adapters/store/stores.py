"""The transaction's stores, over one SQLAlchemy session.

Nothing here depends on the database's dialect but the two statements of
``keypost_adapters.store.dialect``.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import UpdateBase, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from keypost.address import EmailAddress
from keypost.billing import Checkout, Payment
from keypost.errors import ChallengeUsed, CheckoutNotFound, MailboxNotFound
from keypost.letters import LetterKind, LetterState, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.receiving import MailUser
from keypost_adapters.store import rows
from keypost_adapters.store.dialect import insert_new, insert_or_update
from keypost_adapters.store.tables import (
    CheckoutRow,
    MailboxRow,
    MailDomainRow,
    MailUserRow,
    NonceRow,
    OutboxRow,
    PaymentRow,
)

# A later version may have left letters of kinds that this one cannot write: they wait for it.
_KINDS = [kind.value for kind in LetterKind]
_WAITING = [LetterState.QUEUED.value, LetterState.SENDING.value]


class SqlMailboxStore:
    """MailboxStore over SQL."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def held_by(self, holder: str) -> Mailbox | None:
        query = select(MailboxRow).where(MailboxRow.holder == holder)
        row = (await self._session.exec(query)).first()
        return rows.mailbox_of(row) if row else None

    async def get(self, mailbox_id: str) -> Mailbox:
        row = await self._session.get(MailboxRow, mailbox_id)
        if row is None:
            raise MailboxNotFound
        return rows.mailbox_of(row)

    async def add(self, mailbox: Mailbox, *, token_digest: str) -> None:
        self._session.add(rows.mailbox_row(mailbox, token_digest=token_digest))
        await self._session.flush()

    async def update(self, mailbox: Mailbox) -> None:
        row = await self._session.get_one(MailboxRow, mailbox.id)
        row.billing_email = str(mailbox.billing_email)
        row.paid_until = mailbox.paid_until
        await self._session.flush()

    async def put_token_digest(self, mailbox_id: str, digest: str) -> None:
        query = (
            update(MailboxRow)
            .where(col(MailboxRow.id) == mailbox_id, col(MailboxRow.token_digest) != digest)
            .values(token_digest=digest)
        )
        await self._session.exec(query)

    async def all(self) -> Sequence[Mailbox]:
        return [rows.mailbox_of(row) for row in await self._session.exec(select(MailboxRow))]


class SqlCheckoutStore:
    """CheckoutStore over SQL."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, checkout: Checkout) -> None:
        self._session.add(rows.checkout_row(checkout))
        await self._session.flush()

    async def update(self, checkout: Checkout) -> None:
        await self._session.merge(rows.checkout_row(checkout))
        await self._session.flush()

    async def get(self, checkout_id: str) -> Checkout:
        row = await self._session.get(CheckoutRow, checkout_id)
        if row is None:
            raise CheckoutNotFound
        return rows.checkout_of(row)

    async def by_session(self, provider: str, session_id: str) -> Checkout:
        query = select(CheckoutRow).where(
            CheckoutRow.provider == provider, CheckoutRow.session_id == session_id
        )
        row = (await self._session.exec(query)).first()
        if row is None:
            raise CheckoutNotFound
        return rows.checkout_of(row)

    async def unsettled(self, mailbox_id: str) -> Checkout | None:
        query = select(CheckoutRow).where(
            CheckoutRow.mailbox_id == mailbox_id,
            col(CheckoutRow.state).in_(["opening", "open"]),
        )
        row = (await self._session.exec(query)).first()
        return rows.checkout_of(row) if row else None


class SqlPaymentLedger:
    """PaymentLedger over SQL."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(self, payment: Payment) -> bool:
        return await _inserted(
            self._session, insert_new(PaymentRow, [rows.payment_values(payment)])
        )

    async def of(self, mailbox_id: str) -> Sequence[Payment]:
        query = select(PaymentRow).where(PaymentRow.mailbox_id == mailbox_id)
        return [rows.payment_of(row) for row in await self._session.exec(query)]


class SqlNonceStore:
    """NonceStore inside a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def consume(self, nonce: str, *, expires_at: datetime) -> None:
        values = {"nonce": nonce, "expires_at": expires_at}
        if not await _inserted(self._session, insert_new(NonceRow, [values])):
            raise ChallengeUsed


class SqlOutbox:
    """Outbox over SQL. ``has_new`` says whether an entry was added."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.has_new = False

    async def add(self, entry: OutboxEntry) -> None:
        self.has_new = True
        self._session.add(rows.outbox_row(entry))
        await self._session.flush()

    async def update(self, entry: OutboxEntry) -> None:
        await self._session.merge(rows.outbox_row(entry))
        await self._session.flush()

    async def due(self, now: datetime, *, limit: int) -> Sequence[OutboxEntry]:
        query = (
            select(OutboxRow)
            .where(
                col(OutboxRow.state).in_(_WAITING),
                OutboxRow.due_at <= now,
                col(OutboxRow.kind).in_(_KINDS),
            )
            .order_by(col(OutboxRow.due_at))
            .limit(limit)
        )
        return [rows.outbox_entry_of(row) for row in await self._session.exec(query)]

    async def get(self, entry_id: str) -> OutboxEntry:
        return rows.outbox_entry_of(await self._session.get_one(OutboxRow, entry_id))

    async def waiting(self, mailbox_id: str) -> Sequence[OutboxEntry]:
        query = (
            select(OutboxRow)
            .where(
                OutboxRow.mailbox_id == mailbox_id,
                col(OutboxRow.state).in_(_WAITING),
                col(OutboxRow.kind).in_(_KINDS),
            )
            .order_by(col(OutboxRow.due_at))
        )
        return [rows.outbox_entry_of(row) for row in await self._session.exec(query)]

    async def last_sent(self, mailbox_id: str) -> OutboxEntry | None:
        query = (
            select(OutboxRow)
            .where(
                OutboxRow.mailbox_id == mailbox_id,
                OutboxRow.state == LetterState.SENT.value,
                col(OutboxRow.kind).in_(_KINDS),
            )
            .order_by(col(OutboxRow.due_at).desc())
            .limit(1)
        )
        row = (await self._session.exec(query)).first()
        return rows.outbox_entry_of(row) if row else None

    async def last_due_times_to(self, address: EmailAddress, *, count: int) -> Sequence[datetime]:
        query = (
            select(OutboxRow.due_at)
            .where(
                OutboxRow.recipient_key == rows.recipient_key(address),
                col(OutboxRow.state).in_([*_WAITING, LetterState.SENT.value]),
            )
            .order_by(col(OutboxRow.due_at).desc())
            .limit(count)
        )
        return list(await self._session.exec(query))


class SqlReceiveTable:
    """ReceiveTable over SQL."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_domain(self, domain: str) -> None:
        await self._session.exec(insert_new(MailDomainRow, [{"domain": domain.lower()}]))

    async def put(self, user: MailUser, *, now: datetime) -> None:
        values = rows.mail_user_values(user) | {"created_at": now, "updated_at": now}
        statement = insert_or_update(MailUserRow, values, key="login", keep=["created_at"])
        await self._session.exec(statement)


async def _inserted(session: AsyncSession, statement: UpdateBase) -> bool:
    return (await session.exec(statement)).rowcount == 1
