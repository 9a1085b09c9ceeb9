"""Mailboxes, checkouts, payments, nonces, outbox, and the receive tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UNSETTLED = sa.text("state IN ('opening', 'open')")


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def epoch(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    create_receive_tables()
    create_mailboxes()
    create_checkouts()
    create_payments()
    create_outbox()


def create_receive_tables() -> None:
    # The two files do not commit together: a crash may have left this one done.
    op.create_table(
        "mail_domains",
        text("domain"),
        sa.PrimaryKeyConstraint("domain", name="pk_mail_domains"),
        schema="lookup",
        if_not_exists=True,
    )
    op.create_table(
        "mail_users",
        text("login"),
        text("email"),
        text("password"),
        text("maildir"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        epoch("valid_until"),
        epoch("grace_until"),
        epoch("quota_bytes"),
        epoch("created_at"),
        epoch("updated_at"),
        sa.PrimaryKeyConstraint("login", name="pk_mail_users"),
        sa.UniqueConstraint("email", name="uq_mail_users_email"),
        schema="lookup",
        if_not_exists=True,
    )


def create_mailboxes() -> None:
    op.create_table(
        "mailboxes",
        text("id"),
        text("holder"),
        text("username"),
        text("billing_email"),
        number("generation"),
        text("token_digest"),
        time("created_at"),
        time("paid_until", nullable=True),
        time("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mailboxes"),
        sa.UniqueConstraint("holder", name="uq_mailboxes_holder"),
        sa.UniqueConstraint("token_digest", name="uq_mailboxes_token_digest"),
        sa.UniqueConstraint("username", name="uq_mailboxes_username"),
    )
    op.create_table(
        "nonces",
        text("nonce"),
        epoch("expires_at"),
        sa.PrimaryKeyConstraint("nonce", name="pk_nonces"),
    )
    op.create_index("ix_nonces_expires_at", "nonces", ["expires_at"])


def create_checkouts() -> None:
    op.create_table(
        "checkouts",
        text("id"),
        text("mailbox_id"),
        text("provider"),
        text("state"),
        number("months"),
        number("amount_cents"),
        text("currency"),
        time("created_at"),
        text("session_id", nullable=True),
        text("payment_url", nullable=True),
        time("expires_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.id"], name="fk_checkouts_mailbox_id_mailboxes"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_checkouts"),
        sa.UniqueConstraint("provider", "session_id", name="uq_checkouts_provider_session_id"),
    )
    op.create_index("ix_checkouts_mailbox_id", "checkouts", ["mailbox_id"])
    op.create_index("ix_checkouts_state_created_at", "checkouts", ["state", "created_at"])
    op.create_index(
        "uq_checkouts_unsettled",
        "checkouts",
        ["mailbox_id"],
        unique=True,
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )


def create_payments() -> None:
    op.create_table(
        "payments",
        number("id"),
        text("provider"),
        text("payment_id"),
        text("mailbox_id"),
        text("checkout_id"),
        number("months"),
        number("amount_cents"),
        text("currency"),
        time("paid_at"),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkouts.id"], name="fk_payments_checkout_id_checkouts"
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.id"], name="fk_payments_mailbox_id_mailboxes"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payments"),
        sa.UniqueConstraint("provider", "payment_id", name="uq_payments_provider_payment_id"),
    )
    op.create_index("ix_payments_mailbox_id", "payments", ["mailbox_id"])


def create_outbox() -> None:
    op.create_table(
        "outbox",
        text("id"),
        text("kind"),
        text("mailbox_id"),
        text("recipient"),
        text("recipient_key"),
        text("facts"),
        time("created_at"),
        time("due_at"),
        time("expires_at"),
        text("state"),
        number("attempts"),
        text("last_error"),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.id"], name="fk_outbox_mailbox_id_mailboxes"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_mailbox_id_state_due_at", "outbox", ["mailbox_id", "state", "due_at"]
    )
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
    op.create_index("ix_outbox_recipient_key_due_at", "outbox", ["recipient_key", "due_at"])


def downgrade() -> None:
    for table in ("outbox", "payments", "checkouts", "nonces", "mailboxes"):
        op.drop_table(table)
    for table in ("mail_users", "mail_domains"):
        op.drop_table(table, schema="lookup", if_exists=True)
