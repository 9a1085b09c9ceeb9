"""What is sold, what was opened for payment, what was paid, and until when that lasts."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from enum import Enum
from typing import Self


@dataclass(frozen=True, slots=True)
class Offer:
    """What one checkout sells: ``months`` for ``amount_cents`` of ``currency`` (ISO 4217, lower case)."""

    amount_cents: int
    currency: str
    months: int = 1


class CheckoutState(Enum):
    """How far a checkout has come."""

    OPENING = "opening"  # promised here, not yet known to the provider
    OPEN = "open"  # the link can be paid
    PAID = "paid"
    ENDED = "ended"  # expired or cancelled without a payment


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A provider's answer to opening a checkout: its session, the payer's link, the link's end."""

    session_id: str
    payment_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """One payment link, from its promise to its end.

    ``id`` is ours and doubles as the idempotency key towards the provider.
    ``session`` is what the provider calls it, None while ``OPENING``.
    """

    id: str
    mailbox_id: str
    provider: str
    offer: Offer
    state: CheckoutState
    created_at: datetime
    session: OpenedSession | None = None

    def opened(self, session: OpenedSession) -> Self:
        """Return the checkout with the provider's session."""
        return replace(self, state=CheckoutState.OPEN, session=session)

    def moved(self, state: CheckoutState) -> Self:
        """Return the checkout in another state."""
        return replace(self, state=state)

    def payable(self, now: datetime) -> bool:
        """Say whether its link can be paid at ``now``."""
        is_open = self.state is CheckoutState.OPEN and self.session is not None
        return is_open and self.session is not None and now < self.session.expires_at


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's word that a session was paid: its payment's id, amount and time."""

    payment_id: str
    amount_cents: int
    currency: str
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A checkout session as the provider describes it now: paid exactly if ``receipt`` is there."""

    state: CheckoutState
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One ledger entry: one thing paid, once. Unique by ``(provider, receipt.payment_id)``."""

    provider: str
    receipt: Receipt
    mailbox_id: str
    checkout_id: str
    months: int


def paid_until(payments: Iterable[Payment]) -> datetime | None:
    """Return the end of the time that these payments buy together; None for none.

    Each payment adds its months after what is left at the time it was paid, so
    an early renewal loses nothing and a late one starts when it is paid. The
    result does not depend on the order in which payments became known.
    """
    until: datetime | None = None
    start, months = datetime.min.replace(tzinfo=UTC), 0
    for payment in sorted(payments, key=_paid_order):
        paid_at = payment.receipt.paid_at
        if until is None or paid_at > until:
            start, months = paid_at, 0
        months += payment.months
        # Counted from where the unbroken time began, so that a 31st that became
        # a 28th in February is a 31st again in March.
        until = add_months(start, months)
    return until


def _paid_order(payment: Payment) -> tuple[datetime, str, str]:
    return payment.receipt.paid_at, payment.provider, payment.receipt.payment_id


def add_months(start: datetime, months: int) -> datetime:
    """Return the same day and time ``months`` later, or that month's end where it is shorter.

    A later start never gives an earlier result.
    """
    years, month0 = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month0 + 1
    last_day = monthrange(year, month)[1]
    if start.day <= last_day:
        return start.replace(year=year, month=month)
    end_of_day = time(23, 59, 59, 999999, tzinfo=start.tzinfo)
    return datetime.combine(start.replace(year=year, month=month, day=last_day), end_of_day)
