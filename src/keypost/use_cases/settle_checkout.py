"""Give what was paid for, once, and everything that follows from it in one commit."""

from dataclasses import dataclass
from datetime import datetime

from keypost.billing import Checkout, CheckoutState, Payment, Receipt, Session, paid_until
from keypost.credentials import CredentialDeriver, dovecot_digest
from keypost.errors import CheckoutNotFound
from keypost.mailbox import Mailbox
from keypost.ports import CheckoutGateway, Clock, MailboxIndex, Transaction, UnitOfWork
from keypost.receiving import MailUser, ReceiveTerms
from keypost.use_cases.mail_payment_link import drop_waiting_links


@dataclass(frozen=True, slots=True)
class Provision:
    """Write a paid mailbox into the receive tables: *active* means *provisioned*."""

    credentials: CredentialDeriver
    terms: ReceiveTerms
    clock: Clock

    async def __call__(self, tx: Transaction, mailbox: Mailbox, until: datetime) -> None:
        """Write the mailbox's row and its domain's; the caller commits."""
        login = self.credentials.derive(mailbox)
        user = MailUser(
            login=mailbox.username,
            email=f"{mailbox.username}@{self.terms.mail_domain}",
            password=dovecot_digest(login.password),
            maildir=f"{self.terms.mail_domain}/{mailbox.username}",
            enabled=mailbox.revoked_at is None,
            valid_until=until,
            grace_until=until + self.terms.grace,
            quota_bytes=self.terms.quota_bytes,
        )
        await tx.receiving.put_domain(self.terms.mail_domain)
        await tx.receiving.put(user, now=self.clock())


@dataclass(frozen=True, slots=True)
class SettleCheckout:
    """Credit a checkout from the provider's current object, never from a claim about it.

    May run any number of times, from any cause: a payment is credited once.
    """

    uow: UnitOfWork
    gateway: CheckoutGateway
    provision: Provision

    async def __call__(self, session_id: str) -> Mailbox:
        """Return the session's mailbox as it is now.

        Raise CheckoutNotFound, PaymentProviderUnavailable.
        """
        session = await self._look_up(session_id)
        async with self.uow() as tx:
            checkout = await tx.checkouts.by_session(self.gateway.provider, session_id)
            mailbox = await self._apply(tx, checkout, session)
            await tx.commit()
        return mailbox

    async def _look_up(self, session_id: str) -> Session:
        try:
            return await self.gateway.look_up(session_id)
        except CheckoutNotFound:
            # A link that its provider has forgotten cannot be paid any more.
            return Session(CheckoutState.ENDED)

    async def _apply(self, tx: Transaction, checkout: Checkout, session: Session) -> Mailbox:
        mailbox = await tx.mailboxes.get(checkout.mailbox_id)
        if session.receipt is not None:
            return await self._credit(tx, checkout, mailbox, session.receipt)
        if session.state is CheckoutState.ENDED and checkout.state is CheckoutState.OPEN:
            await tx.checkouts.update(checkout.moved(CheckoutState.ENDED))
        return mailbox

    async def _credit(
        self, tx: Transaction, checkout: Checkout, mailbox: Mailbox, receipt: Receipt
    ) -> Mailbox:
        payment = Payment(
            provider=checkout.provider,
            receipt=receipt,
            mailbox_id=mailbox.id,
            checkout_id=checkout.id,
            months=checkout.offer.months,
        )
        if not await tx.payments.record(payment):
            return mailbox
        await tx.checkouts.update(checkout.moved(CheckoutState.PAID))
        await drop_waiting_links(tx, mailbox.id)
        until = paid_until(await tx.payments.of(mailbox.id))
        mailbox = mailbox.paid(until)
        await tx.mailboxes.update(mailbox)
        if until is not None:
            await self.provision(tx, mailbox, until)
        return mailbox


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation looked at: open checkouts, and those it could not ask about."""

    asked: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class ReconcileCheckouts:
    """Ask the provider about every open checkout, without waiting to be told."""

    index: MailboxIndex
    settle: SettleCheckout

    async def __call__(self) -> Reconciled:
        """Settle what was paid or has ended; an unanswered question is asked again next time."""
        sessions = await self.index.open_sessions(self.settle.gateway.provider)
        unanswered = 0
        for session_id in sessions:
            try:
                await self.settle(session_id)
            except Exception:  # noqa: BLE001 - one that cannot be settled must not hold up the others
                unanswered += 1
        return Reconciled(asked=len(sessions), unanswered=unanswered)
