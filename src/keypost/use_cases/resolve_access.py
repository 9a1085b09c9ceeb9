"""Hand out what opens a paid mailbox, to whoever proves the key or shows the token."""

from dataclasses import dataclass
from hmac import compare_digest

from keypost.credentials import CredentialDeriver, Credentials, token_digest
from keypost.errors import (
    AccessTokenInvalid,
    MailboxNotFound,
    MailboxRevoked,
    PaymentDue,
    ProtocolUnsupported,
)
from keypost.mailbox import Mailbox, Status
from keypost.ports import Clock, MailboxIndex, NonceStore
from keypost.use_cases.consume_nonce import consume_nonce
from keypost.use_cases.prove_key import ProveKey, ShownProof


@dataclass(frozen=True, slots=True)
class Access:
    """An open mailbox and what opens it."""

    mailbox: Mailbox
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class OpenMailbox:
    """Derive the credentials of a mailbox, if it is paid for."""

    index: MailboxIndex
    credentials: CredentialDeriver
    clock: Clock

    async def __call__(self, mailbox: Mailbox) -> Access:
        """Return the credentials; raise PaymentDue with the open link, or MailboxRevoked."""
        now = self.clock()
        match mailbox.status(now):
            case Status.ACTIVE:
                return Access(mailbox, self.credentials.derive(mailbox))
            case Status.REVOKED:
                raise MailboxRevoked
            case Status.PENDING_PAYMENT | Status.EXPIRED:
                checkout = await self.index.open_checkout(mailbox.id)
                payable = checkout is not None and checkout.payable(now)
                session = checkout.session if checkout and payable else None
                raise PaymentDue(payment_url=session.payment_url if session else "")


@dataclass(frozen=True, slots=True)
class ResolveAccess:
    """Resolve a proven key to its mailbox's access details. Writes nothing but the used nonce."""

    prove: ProveKey
    nonces: NonceStore
    index: MailboxIndex
    open_mailbox: OpenMailbox

    async def __call__(self, shown: ShownProof, *, protocol: str) -> Access:
        """Return the access; raise proof facts, MailboxNotFound, PaymentDue."""
        if protocol != "imap":
            raise ProtocolUnsupported(f"The protocol {protocol[:20]!r} is not served; imap is.")
        proven = self.prove(shown)
        await consume_nonce(self.nonces, proven)
        mailbox = await self.index.held_by(proven.key.fingerprint)
        if mailbox is None:
            raise MailboxNotFound
        return await self.open_mailbox(mailbox)


@dataclass(frozen=True, slots=True)
class ResolveToken:
    """Resolve an access token to its mailbox's access details."""

    index: MailboxIndex
    open_mailbox: OpenMailbox

    async def __call__(self, access_token: str) -> Access:
        """Return the access; raise AccessTokenInvalid, PaymentDue."""
        digest = token_digest(access_token)
        mailbox = await self.index.with_token(digest)
        if mailbox is None:
            raise AccessTokenInvalid
        # A token of an old secret must not get what is derived from the new one.
        credentials = self.open_mailbox.credentials.derive(mailbox)
        if not compare_digest(token_digest(credentials.access_token), digest):
            raise AccessTokenInvalid
        return await self.open_mailbox(mailbox)
