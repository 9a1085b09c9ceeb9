"""What the receive stack knows about an address, and what follows from it.

Postfix and Dovecot draw the same conclusions from the same columns in SQL;
the embedded stack draws them here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Delivery(Enum):
    """What a sender is told about a recipient."""

    OPEN = "open"  # 250
    GRACE = "grace"  # 450 4.2.1: the payment is late, so the sender keeps trying
    CLOSED = "closed"  # 550 5.2.1


@dataclass(frozen=True, slots=True)
class ReceiveTerms:
    """What every mailbox of this service gets: its domain, the grace after expiry, its room."""

    mail_domain: str
    grace: timedelta
    quota_bytes: int


@dataclass(frozen=True, slots=True)
class MailUser:
    """One row of ``mail_users``.

    ``login`` is the username (``mbx_…``), ``email`` the whole address,
    ``password`` a digest as Dovecot spells it (``{SHA512.HEX}…``), ``maildir``
    is relative to the mail root (``MAIL_DOMAIN/username``), ``quota_bytes``
    bounds the sum of the stored messages' sizes.
    """

    login: str
    email: str
    password: str
    maildir: str
    enabled: bool
    valid_until: datetime
    grace_until: datetime
    quota_bytes: int

    def delivery(self, now: datetime) -> Delivery:
        """Say whether mail for this user is taken at ``now`` (aware UTC)."""
        if self.may_log_in(now):
            return Delivery.OPEN
        if self.enabled and now < self.grace_until:
            return Delivery.GRACE
        return Delivery.CLOSED

    def may_log_in(self, now: datetime) -> bool:
        """Say whether IMAP opens at ``now`` (aware UTC)."""
        return self.enabled and now < self.valid_until
