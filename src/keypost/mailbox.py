"""A mailbox: who holds it, what it is called, until when it is paid for."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Self

from keypost.address import EmailAddress


class Status(Enum):
    """What follows from a mailbox's dates and the time; it is never stored."""

    PENDING_PAYMENT = "pending_payment"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox and its holder.

    ``holder`` says who may open it: for a key its fingerprint (``SHA256:…``);
    other kinds of holder will bring a prefix of their own. ``username`` is the
    local part and the login (``mbx_…``). ``generation`` counts how often the
    credentials were replaced. All times are aware UTC.
    """

    id: str
    holder: str
    username: str
    billing_email: EmailAddress
    created_at: datetime
    generation: int = 1
    paid_until: datetime | None = None
    revoked_at: datetime | None = None

    def status(self, now: datetime) -> Status:
        """Derive the status at ``now``; no sweeper has to run for it to be true."""
        if self.revoked_at is not None:
            return Status.REVOKED
        if self.paid_until is None:
            return Status.PENDING_PAYMENT
        return Status.ACTIVE if now < self.paid_until else Status.EXPIRED

    def usable(self, now: datetime) -> bool:
        """Say whether the holder may read mail at ``now``."""
        return self.status(now) is Status.ACTIVE

    def paid(self, until: datetime | None) -> Self:
        """Return the mailbox as it is when paid for ``until``."""
        return replace(self, paid_until=until)

    def billed_to(self, address: EmailAddress) -> Self:
        """Return the mailbox with another address for its letters."""
        return replace(self, billing_email=address)
