"""Between things of the core and rows of the tables, both ways."""

import json

from keypost.address import EmailAddress
from keypost.billing import Checkout, CheckoutState, Offer, OpenedSession, Payment, Receipt
from keypost.letters import LetterKind, LetterState, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.receiving import MailUser
from keypost_adapters.store.tables import (
    CheckoutRow,
    MailboxRow,
    MailUserRow,
    OutboxRow,
    PaymentRow,
)


def mailbox_row(mailbox: Mailbox, *, token_digest: str) -> MailboxRow:
    """Return the row of a mailbox."""
    return MailboxRow(
        id=mailbox.id,
        holder=mailbox.holder,
        username=mailbox.username,
        billing_email=str(mailbox.billing_email),
        generation=mailbox.generation,
        token_digest=token_digest,
        created_at=mailbox.created_at,
        paid_until=mailbox.paid_until,
        revoked_at=mailbox.revoked_at,
    )


def mailbox_of(row: MailboxRow) -> Mailbox:
    """Return the mailbox of a row."""
    return Mailbox(
        id=row.id,
        holder=row.holder,
        username=row.username,
        billing_email=EmailAddress.parse(row.billing_email),
        created_at=row.created_at,
        generation=row.generation,
        paid_until=row.paid_until,
        revoked_at=row.revoked_at,
    )


def checkout_row(checkout: Checkout) -> CheckoutRow:
    """Return the row of a checkout."""
    session = checkout.session
    return CheckoutRow(
        id=checkout.id,
        mailbox_id=checkout.mailbox_id,
        provider=checkout.provider,
        state=checkout.state.value,
        months=checkout.offer.months,
        amount_cents=checkout.offer.amount_cents,
        currency=checkout.offer.currency,
        created_at=checkout.created_at,
        session_id=session.session_id if session else None,
        payment_url=session.payment_url if session else None,
        expires_at=session.expires_at if session else None,
    )


def checkout_of(row: CheckoutRow) -> Checkout:
    """Return the checkout of a row."""
    return Checkout(
        id=row.id,
        mailbox_id=row.mailbox_id,
        provider=row.provider,
        offer=Offer(amount_cents=row.amount_cents, currency=row.currency, months=row.months),
        state=CheckoutState(row.state),
        created_at=row.created_at,
        session=_session_of(row),
    )


def _session_of(row: CheckoutRow) -> OpenedSession | None:
    if row.session_id is None or row.payment_url is None or row.expires_at is None:
        return None
    return OpenedSession(row.session_id, row.payment_url, row.expires_at)


def payment_values(payment: Payment) -> dict[str, object]:
    """Return a payment's column values."""
    return {
        "provider": payment.provider,
        "payment_id": payment.receipt.payment_id,
        "mailbox_id": payment.mailbox_id,
        "checkout_id": payment.checkout_id,
        "months": payment.months,
        "amount_cents": payment.receipt.amount_cents,
        "currency": payment.receipt.currency,
        "paid_at": payment.receipt.paid_at,
    }


def payment_of(row: PaymentRow) -> Payment:
    """Return the payment of a row."""
    return Payment(
        provider=row.provider,
        receipt=Receipt(row.payment_id, row.amount_cents, row.currency, row.paid_at),
        mailbox_id=row.mailbox_id,
        checkout_id=row.checkout_id,
        months=row.months,
    )


def recipient_key(address: EmailAddress) -> str:
    """Return the address as it is compared."""
    return str(address).lower()


def outbox_row(entry: OutboxEntry) -> OutboxRow:
    """Return the row of an outbox entry."""
    return OutboxRow(
        id=entry.id,
        kind=entry.kind.value,
        mailbox_id=entry.mailbox_id,
        recipient=str(entry.to),
        recipient_key=recipient_key(entry.to),
        facts=json.dumps(dict(entry.facts), sort_keys=True),
        created_at=entry.created_at,
        due_at=entry.due_at,
        expires_at=entry.expires_at,
        state=entry.state.value,
        attempts=entry.attempts,
        last_error=entry.last_error,
    )


def outbox_entry_of(row: OutboxRow) -> OutboxEntry:
    """Return the outbox entry of a row."""
    return OutboxEntry(
        id=row.id,
        kind=LetterKind(row.kind),
        mailbox_id=row.mailbox_id,
        to=EmailAddress.parse(row.recipient),
        facts=json.loads(row.facts),
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        state=LetterState(row.state),
        attempts=row.attempts,
        last_error=row.last_error,
    )


def mail_user_values(user: MailUser) -> dict[str, object]:
    """Return a mail user's column values, without the times of writing."""
    return {
        "login": user.login,
        "email": user.email.lower(),
        "password": user.password,
        "maildir": user.maildir,
        "enabled": user.enabled,
        "valid_until": user.valid_until,
        "grace_until": user.grace_until,
        "quota_bytes": user.quota_bytes,
    }


def mail_user_of(row: MailUserRow) -> MailUser:
    """Return the mail user of a row."""
    return MailUser(
        login=row.login,
        email=row.email,
        password=row.password,
        maildir=row.maildir,
        enabled=row.enabled,
        valid_until=row.valid_until,
        grace_until=row.grace_until,
        quota_bytes=row.quota_bytes,
    )
