"""The tables. ``lookup`` is the schema that mail daemons may read; it holds nothing of billing."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from keypost_adapters.store.columns import EpochSeconds, UtcTime

LOOKUP_SCHEMA = "lookup"

metadata: MetaData = SQLModel.metadata
# Constraints have names, so that migrations can change them and errors can be told apart.
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class MailboxRow(SQLModel, table=True):
    """A mailbox. ``paid_until`` repeats what the payments add up to, written with each of them."""

    __tablename__ = "mailboxes"

    id: str = Field(primary_key=True)
    holder: str = Field(unique=True)
    username: str = Field(unique=True)
    billing_email: str
    generation: int
    token_digest: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcTime)
    paid_until: datetime | None = Field(default=None, sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)


class CheckoutRow(SQLModel, table=True):
    """A checkout. At most one of a mailbox is opening or open."""

    __tablename__ = "checkouts"
    __table_args__ = (
        UniqueConstraint("provider", "session_id"),
        Index(
            "uq_checkouts_unsettled",
            "mailbox_id",
            unique=True,
            sqlite_where=text("state IN ('opening', 'open')"),
            postgresql_where=text("state IN ('opening', 'open')"),
        ),
        Index("ix_checkouts_state_created_at", "state", "created_at"),
    )

    id: str = Field(primary_key=True)
    mailbox_id: str = Field(foreign_key="mailboxes.id", index=True)
    provider: str
    state: str
    months: int
    amount_cents: int
    currency: str
    created_at: datetime = Field(sa_type=UtcTime)
    session_id: str | None = None
    payment_url: str | None = None
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)


class PaymentRow(SQLModel, table=True):
    """A ledger entry: one thing paid, once."""

    __tablename__ = "payments"
    __table_args__ = (UniqueConstraint("provider", "payment_id"),)

    id: int | None = Field(default=None, primary_key=True)
    provider: str
    payment_id: str
    mailbox_id: str = Field(foreign_key="mailboxes.id", index=True)
    checkout_id: str = Field(foreign_key="checkouts.id")
    months: int
    amount_cents: int
    currency: str
    paid_at: datetime = Field(sa_type=UtcTime)


class NonceRow(SQLModel, table=True):
    """A challenge that was used, kept until it would have expired anyway."""

    __tablename__ = "nonces"

    nonce: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=EpochSeconds, index=True)


class OutboxRow(SQLModel, table=True):
    """A letter that is or was owed."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_due_at", "state", "due_at"),
        Index("ix_outbox_recipient_key_due_at", "recipient_key", "due_at"),
        Index("ix_outbox_mailbox_id_state_due_at", "mailbox_id", "state", "due_at"),
    )

    id: str = Field(primary_key=True)
    kind: str
    mailbox_id: str = Field(foreign_key="mailboxes.id")
    recipient: str
    recipient_key: str  # in lower case, to find every letter to one address
    facts: str
    created_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    state: str
    attempts: int
    last_error: str


class MailDomainRow(SQLModel, table=True):
    """A domain that mail is received for."""

    __tablename__ = "mail_domains"
    __table_args__ = {"schema": LOOKUP_SCHEMA}

    domain: str = Field(primary_key=True)


class MailUserRow(SQLModel, table=True):
    """A mailbox as the mail daemons see it; addresses are in lower case."""

    __tablename__ = "mail_users"
    __table_args__ = {"schema": LOOKUP_SCHEMA}

    login: str = Field(primary_key=True)
    email: str = Field(unique=True)
    password: str
    maildir: str
    enabled: bool
    valid_until: datetime = Field(sa_type=EpochSeconds)
    grace_until: datetime = Field(sa_type=EpochSeconds)
    quota_bytes: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=EpochSeconds)
    updated_at: datetime = Field(sa_type=EpochSeconds)
