"""Bring a mailbox a link that can be paid, exactly one at a time."""

from dataclasses import dataclass, field
from datetime import timedelta

from keypost.billing import Checkout, CheckoutState, Offer
from keypost.mailbox import Mailbox
from keypost.ports import CheckoutGateway, Clock, MailboxIndex, RandomBytes, Transaction, UnitOfWork
from keypost.use_cases.mail_payment_link import MailPaymentLink
from keypost.use_cases.settle_checkout import SettleCheckout
from keypost.use_cases.turns import Turns

# A link younger than this is believed to be open without asking the provider.
_FRESH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RefreshCheckout:
    """Ask the provider what became of a link before it is handed out again.

    A payment whose notification was lost is settled here, and a link that the
    provider has closed is not given to the payer a second time.
    """

    index: MailboxIndex
    settle: SettleCheckout
    clock: Clock

    async def __call__(self, holder: str) -> None:
        """Settle the holder's open checkout; raise PaymentProviderUnavailable."""
        mailbox = await self.index.held_by(holder)
        checkout = await self.index.open_checkout(mailbox.id) if mailbox else None
        if checkout is None or checkout.session is None:
            return
        if checkout.provider != self.settle.gateway.provider:
            return  # nobody here can ask; RequestPayment ends it
        if self.clock() >= checkout.created_at + _FRESH:
            await self.settle(checkout.session.session_id)


@dataclass(frozen=True, slots=True)
class RequestPayment:
    """Promise a checkout inside the caller's transaction, keep the promise after it.

    The provider is asked between two transactions, never inside one. When the
    process dies in between, the promise stays as OPENING and the next claim
    keeps it, under the same idempotency key.
    """

    uow: UnitOfWork
    gateway: CheckoutGateway
    mail_link: MailPaymentLink
    offer: Offer
    clock: Clock
    random: RandomBytes
    turns: Turns = field(default_factory=Turns)

    async def promise(self, tx: Transaction, mailbox: Mailbox) -> Checkout:
        """Return the mailbox's payable or promised checkout, promising one where there is none.

        The letter with an already payable link is put into the outbox here.
        """
        checkout = await tx.checkouts.unsettled(mailbox.id)
        if checkout is not None and checkout.provider != self.gateway.provider:
            await tx.checkouts.update(checkout.moved(CheckoutState.ENDED))
            checkout = None
        if checkout is not None and checkout.payable(self.clock()):
            await self.mail_link(tx, mailbox, checkout)
            return checkout
        if checkout is not None and checkout.state is CheckoutState.OPENING:
            return checkout
        if checkout is not None:
            await tx.checkouts.update(checkout.moved(CheckoutState.ENDED))
        return await self._promise_new(tx, mailbox)

    async def _promise_new(self, tx: Transaction, mailbox: Mailbox) -> Checkout:
        checkout = Checkout(
            id=self.random(16).hex(),
            mailbox_id=mailbox.id,
            provider=self.gateway.provider,
            offer=self.offer,
            state=CheckoutState.OPENING,
            created_at=self.clock(),
        )
        await tx.checkouts.add(checkout)
        return checkout

    async def keep(self, checkout: Checkout) -> str:
        """Open a promised checkout at the provider and return the payer's link."""
        if checkout.session is not None:
            return checkout.session.payment_url
        async with self.turns.of(checkout.mailbox_id):
            return await self._keep(checkout.id)

    async def _keep(self, checkout_id: str) -> str:
        async with self.uow() as tx:
            checkout = await tx.checkouts.get(checkout_id)
            mailbox = await tx.mailboxes.get(checkout.mailbox_id)
        if checkout.session is None:
            checkout = await self._open(checkout, mailbox)
        return checkout.session.payment_url if checkout.session else ""

    async def _open(self, checkout: Checkout, mailbox: Mailbox) -> Checkout:
        session = await self.gateway.open(checkout, billing_email=str(mailbox.billing_email))
        async with self.uow() as tx:
            current = await tx.checkouts.get(checkout.id)
            if current.session is None:  # else another process was faster
                current = current.opened(session)
                await tx.checkouts.update(current)
                await self.mail_link(tx, await tx.mailboxes.get(mailbox.id), current)
                await tx.commit()
        return current
