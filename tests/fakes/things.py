"""One of each thing, by number. A test replaces what it is about."""

from datetime import timedelta

from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.billing import Checkout, CheckoutState, Offer, OpenedSession, Payment, Receipt
from keypost.letters import LetterKind, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.receiving import MailUser

OFFER = Offer(amount_cents=100, currency="eur", months=1)
PAYER = EmailAddress.parse("payer@example.org")


def mailbox(number: int = 1) -> Mailbox:
    return Mailbox(
        id=f"mailbox-{number}",
        holder=f"SHA256:{number}",
        username=f"mbx_{number}",
        billing_email=PAYER,
        # A fraction of a second has to survive, too.
        created_at=NOON + timedelta(seconds=number, microseconds=123456),
    )


def digest(number: int = 1) -> str:
    """Return what stands for the digest of a mailbox's access token."""
    return f"digest-{number}"


def session(number: int = 1) -> OpenedSession:
    url = f"https://pay.example/session-{number}"
    return OpenedSession(f"session-{number}", url, NOON + timedelta(days=1))


def checkout(number: int = 1, *, of: Mailbox | None = None) -> Checkout:
    """Return a checkout that was promised and is not yet known to the provider."""
    return Checkout(
        id=f"checkout-{number}",
        mailbox_id=(of or mailbox()).id,
        provider="memory",
        offer=OFFER,
        state=CheckoutState.OPENING,
        created_at=NOON + timedelta(seconds=number),
    )


def payment(number: int = 1, *, of: Checkout | None = None) -> Payment:
    paid = of or checkout()
    return Payment(
        provider=paid.provider,
        receipt=Receipt(f"payment-{number}", 100, "eur", NOON + timedelta(minutes=number)),
        mailbox_id=paid.mailbox_id,
        checkout_id=paid.id,
        months=1,
    )


def letter(number: int = 1, *, of: Mailbox | None = None) -> OutboxEntry:
    return OutboxEntry(
        id=f"letter-{number}",
        kind=LetterKind.PAYMENT_LINK,
        mailbox_id=(of or mailbox()).id,
        to=PAYER,
        facts={
            "email": f"mbx_{number}@keypost.example",
            "holder": f"SHA256:{number}",
            "payment_url": f"https://pay.example/session-{number}",
            "price": "1.00 EUR",
            "months": "1",
        },
        created_at=NOON,
        due_at=NOON + timedelta(seconds=number),
        expires_at=session(number).expires_at,
    )


def mail_user(name: str = "mbx_1") -> MailUser:
    return MailUser(
        login=name,
        email=f"{name}@keypost.example",
        password="{SHA512.HEX}00",
        maildir=f"keypost.example/{name}",
        enabled=True,
        valid_until=NOON + timedelta(days=30),
        grace_until=NOON + timedelta(days=37),
        quota_bytes=100_000_000,
    )
