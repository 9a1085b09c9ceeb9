"""What the core needs from the world.

Each port is a role with laws; ``tests/contracts`` asks every adapter to keep
them, the fakes included. Adapters do not inherit a port: mypy compares them
where they are wired.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from keypost.address import EmailAddress
from keypost.billing import Checkout, OpenedSession, Payment, Session
from keypost.credentials import Credentials
from keypost.letters import Letter, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.message import Message
from keypost.receiving import MailUser

Clock = Callable[[], datetime]
"""Now, as an aware UTC time."""

RandomBytes = Callable[[int], bytes]
"""So many bytes that nobody can guess."""


class NonceStore(Protocol):
    """Remembers which challenges were used.

    Laws: of any number of calls with one nonce, from any number of processes,
    exactly one returns and all others raise ChallengeUsed, also after a
    restart; when it has returned outside a transaction, the use is on disk. A
    nonce may be forgotten once ``expires_at`` has passed.
    """

    async def consume(self, nonce: str, *, expires_at: datetime) -> None: ...


class MailboxIndex(Protocol):
    """Finds mailboxes quickly, for reading only.

    Law: what a returned ``commit()`` wrote is found.
    """

    async def held_by(self, holder: str) -> Mailbox | None: ...

    async def with_token(self, digest: str) -> Mailbox | None:
        """Find by ``credentials.token_digest``; None also where the generation was raised."""
        ...

    async def open_checkout(self, mailbox_id: str) -> Checkout | None:
        """Return the mailbox's OPEN checkout."""
        ...

    async def open_sessions(self, provider: str) -> Sequence[str]:
        """Return the session ids of a provider's OPEN checkouts, the oldest first."""
        ...


class LetterQueue(Protocol):
    """Tells how far behind the letters are, for whoever watches over the service."""

    async def oldest_untried_letter(self) -> datetime | None:
        """Return the earliest ``due_at`` of the letters that nobody has tried to send."""
        ...

    async def most_attempts(self) -> int:
        """Return how often the letter was tried that is still owed after the most attempts."""
        ...


class MailboxStore(Protocol):
    """Keeps mailboxes. Laws: one mailbox a holder, one a username, one a token digest."""

    async def held_by(self, holder: str) -> Mailbox | None: ...

    async def get(self, mailbox_id: str) -> Mailbox:
        """Return the mailbox; raise MailboxNotFound."""
        ...

    async def add(self, mailbox: Mailbox, *, token_digest: str) -> None: ...

    async def update(self, mailbox: Mailbox) -> None:
        """Bring the billing address and the paid time of a mailbox up to date."""
        ...

    async def put_token_digest(self, mailbox_id: str, digest: str) -> None:
        """Bring the digest of a mailbox's access token up to date."""
        ...

    async def all(self) -> Sequence[Mailbox]:
        """Return every mailbox."""
        ...


class CheckoutStore(Protocol):
    """Keeps every checkout that was ever promised; none is overwritten by another.

    Law: at most one checkout of a mailbox is OPENING or OPEN at a time.
    """

    async def add(self, checkout: Checkout) -> None: ...

    async def update(self, checkout: Checkout) -> None: ...

    async def get(self, checkout_id: str) -> Checkout:
        """Return the checkout; raise CheckoutNotFound."""
        ...

    async def by_session(self, provider: str, session_id: str) -> Checkout:
        """Return the checkout that the provider knows by this id; raise CheckoutNotFound."""
        ...

    async def unsettled(self, mailbox_id: str) -> Checkout | None:
        """Return the mailbox's OPENING or OPEN checkout."""
        ...


class PaymentLedger(Protocol):
    """Keeps one entry per thing paid, for ever."""

    async def record(self, payment: Payment) -> bool:
        """Add the payment; False and no change where ``(provider, payment_id)`` is known."""
        ...

    async def of(self, mailbox_id: str) -> Sequence[Payment]: ...


class Outbox(Protocol):
    """Keeps letters until they are handed over, and the record of it after."""

    async def add(self, entry: OutboxEntry) -> None: ...

    async def update(self, entry: OutboxEntry) -> None: ...

    async def due(self, now: datetime, *, limit: int) -> Sequence[OutboxEntry]:
        """Return QUEUED and SENDING entries with ``due_at`` up to ``now``, the longest due first."""
        ...

    async def get(self, entry_id: str) -> OutboxEntry:
        """Return an entry that is known to be there."""
        ...

    async def waiting(self, mailbox_id: str) -> Sequence[OutboxEntry]:
        """Return a mailbox's QUEUED and SENDING entries, the earliest due first."""
        ...

    async def last_sent(self, mailbox_id: str) -> OutboxEntry | None:
        """Return a mailbox's entry that was sent last."""
        ...

    async def last_due_times_to(self, address: EmailAddress, *, count: int) -> Sequence[datetime]:
        """Return when the last ``count`` letters to an address were sent or are due, the last first.

        Letters of every mailbox count, dropped and dead ones do not; the
        address is compared without regard to case.
        """
        ...


class ReceiveTable(Protocol):
    """What the mail daemons read: domains and users.

    Laws: writes belong to the surrounding transaction; a lookup sees what is
    committed; addresses are matched whole and without regard to case.
    """

    async def put_domain(self, domain: str) -> None: ...

    async def put(self, user: MailUser, *, now: datetime) -> None:
        """Insert the row of ``user.login`` or bring it up to date."""
        ...


class ReceiveDirectory(Protocol):
    """Reads the receive tables, as a mail daemon does."""

    async def serves(self, domain: str) -> bool: ...

    async def by_email(self, email: str) -> MailUser | None:
        """Find by the whole address, without regard to case."""
        ...

    async def by_login(self, login: str) -> MailUser | None:
        """Find by the username or by the whole address, and by nothing shorter."""
        ...


class Transaction(Protocol):
    """The stores, inside one change. Leaving without ``commit()`` undoes everything."""

    @property
    def mailboxes(self) -> MailboxStore: ...

    @property
    def checkouts(self) -> CheckoutStore: ...

    @property
    def payments(self) -> PaymentLedger: ...

    @property
    def nonces(self) -> NonceStore: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def receiving(self) -> ReceiveTable: ...

    async def commit(self) -> None:
        """Make the change durable; what was written is on disk when this returns."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction. Laws: writers are serialised, so that what was read in a
transaction is still true when it commits; no network call happens inside one."""


class CheckoutGateway(Protocol):
    """Opens payment links at a provider and asks what became of them.

    Laws: opening twice with one ``checkout.id`` gives the same session where
    the provider allows it; a provider that fails or hangs raises
    PaymentProviderUnavailable within ten seconds.
    """

    @property
    def provider(self) -> str:
        """The provider's name in the ledger (``mock``, ``polar``, ``stripe``)."""
        ...

    async def open(self, checkout: Checkout, *, billing_email: str) -> OpenedSession: ...

    async def look_up(self, session_id: str) -> Session:
        """Return the session as the provider has it now; raise CheckoutNotFound."""
        ...


class LetterWriter(Protocol):
    """Turns an outbox entry into words."""

    def write(self, entry: OutboxEntry) -> Letter: ...


class Notifier(Protocol):
    """Hands letters over.

    Law: returning means that the letter is accepted for delivery; anything
    else is NotifierUnavailable. Calls that repeat an ``idempotency_key`` send
    one letter where the technology can know.
    """

    async def send(self, letter: Letter, *, idempotency_key: str) -> None: ...


class InboxReader(Protocol):
    """Reads a mailbox's INBOX as any mail client would.

    Laws: reading leaves every flag as it was; the newest message comes first
    (by UID); a store that fails or hangs raises InboxUnavailable within ten
    seconds; an unknown ``uid`` raises MessageNotFound.
    """

    async def messages(
        self, login: Credentials, *, unread_only: bool, limit: int, include_body: bool
    ) -> Sequence[Message]: ...

    async def message(self, login: Credentials, uid: int, *, include_body: bool) -> Message: ...

    async def raw(self, login: Credentials, uid: int) -> bytes:
        """Return the message byte for byte as it was received (RFC 5322)."""
        ...
