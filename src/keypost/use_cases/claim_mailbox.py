"""Find a key's mailbox or make one, and ask for a payment where one is due."""

from base64 import b32encode
from dataclasses import dataclass
from uuid import UUID

from keypost.address import EmailAddress
from keypost.credentials import CredentialDeriver, token_digest
from keypost.edproof.proof import Proven
from keypost.errors import MailboxNotFound, MailboxRevoked
from keypost.mailbox import Mailbox, Status
from keypost.ports import Clock, RandomBytes, Transaction, UnitOfWork
from keypost.use_cases.consume_nonce import consume_nonce
from keypost.use_cases.prove_key import ProveKey, ShownProof
from keypost.use_cases.request_payment import RefreshCheckout, RequestPayment


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim's or renewal's outcome. ``payment_url`` is empty where nothing is due."""

    mailbox: Mailbox
    payment_url: str
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class MakeMailbox:
    """Make the mailbox of a holder that has none."""

    clock: Clock
    random: RandomBytes
    credentials: CredentialDeriver

    async def __call__(self, tx: Transaction, holder: str, billing_email: EmailAddress) -> Mailbox:
        """Add a mailbox with a random name to the transaction."""
        mailbox = Mailbox(
            id=str(UUID(bytes=self.random(16), version=4)),
            holder=holder,
            # 80 random bits: a name that nobody guesses and that says nothing of the key.
            username="mbx_" + b32encode(self.random(10)).decode().lower(),
            billing_email=billing_email,
            created_at=self.clock(),
        )
        digest = token_digest(self.credentials.derive(mailbox).access_token)
        await tx.mailboxes.add(mailbox, token_digest=digest)
        return mailbox


@dataclass(frozen=True, slots=True)
class ClaimMailbox:
    """Claim the mailbox of a proven key.

    The same key always gets the same mailbox. Where a payment is due, a
    checkout is opened and its link is mailed to the billing address.
    """

    prove: ProveKey
    refresh: RefreshCheckout
    uow: UnitOfWork
    make: MakeMailbox
    payment: RequestPayment

    async def __call__(self, shown: ShownProof, billing_email: EmailAddress) -> Claimed:
        """Return the mailbox and the link; raise proof facts, PaymentProviderUnavailable."""
        proven = self.prove(shown)
        await self.refresh(proven.key.fingerprint)
        async with self.uow() as tx:
            await consume_nonce(tx.nonces, proven)
            mailbox, is_new = await self._find_or_make(tx, proven, billing_email)
            due = mailbox.status(self.make.clock()) in {Status.PENDING_PAYMENT, Status.EXPIRED}
            if due:
                mailbox = await _bill_to(tx, mailbox, billing_email)
            checkout = await self.payment.promise(tx, mailbox) if due else None
            await tx.commit()
        url = await self.payment.keep(checkout, mailbox) if checkout else ""
        return Claimed(mailbox, url, is_new=is_new)

    async def _find_or_make(
        self, tx: Transaction, proven: Proven, billing_email: EmailAddress
    ) -> tuple[Mailbox, bool]:
        known = await tx.mailboxes.held_by(proven.key.fingerprint)
        if known is not None:
            return known, False
        return await self.make(tx, proven.key.fingerprint, billing_email), True


@dataclass(frozen=True, slots=True)
class RenewMailbox:
    """Ask for a payment link for more time, also while the mailbox is still active.

    Time stacks: what is left is not lost.
    """

    prove: ProveKey
    refresh: RefreshCheckout
    uow: UnitOfWork
    payment: RequestPayment

    async def __call__(self, shown: ShownProof, billing_email: EmailAddress) -> Claimed:
        """Return the mailbox and the link; raise proof facts, MailboxNotFound, MailboxRevoked."""
        proven = self.prove(shown)
        await self.refresh(proven.key.fingerprint, even_if_active=True)
        async with self.uow() as tx:
            await consume_nonce(tx.nonces, proven)
            mailbox = await tx.mailboxes.held_by(proven.key.fingerprint)
            if mailbox is None or mailbox.revoked_at is not None:
                await tx.commit()  # the proof is used up all the same
                raise MailboxNotFound if mailbox is None else MailboxRevoked
            mailbox = await _bill_to(tx, mailbox, billing_email)
            checkout = await self.payment.promise(tx, mailbox)
            await tx.commit()
        return Claimed(mailbox, await self.payment.keep(checkout, mailbox))


async def _bill_to(tx: Transaction, mailbox: Mailbox, address: EmailAddress) -> Mailbox:
    if mailbox.billing_email == address:
        return mailbox
    mailbox = mailbox.billed_to(address)
    await tx.mailboxes.update(mailbox)
    return mailbox
