"""Bring a mailbox a link that can be paid, exactly one at a time."""

from dataclasses import dataclass, field
from datetime import timedelta

from keypost.billing import Checkout, CheckoutState, Offer
from keypost.errors import PaymentProviderUnavailable
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

    async def __call__(self, holder: str, *, even_if_active: bool = False) -> None:
        """Settle the holder's open checkout; raise PaymentProviderUnavailable.

        An active mailbox needs no link, unless its holder asks for more time.
        """
        mailbox = await self.index.held_by(holder)
        if mailbox is not None and mailbox.usable(self.clock()) and not even_if_active:
            return
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

    async def keep(self, checkout: Checkout, mailbox: Mailbox) -> str:
        """Open a promised checkout at the provider and return the payer's link."""
        if checkout.session is not None:
            return checkout.session.payment_url
        async with self.turns.of(mailbox.id):
            return await self._keep(checkout.id, mailbox)

    async def _keep(self, checkout_id: str, mailbox: Mailbox) -> str:
        checkout = await self._opened(await self._current(checkout_id), mailbox)
        if checkout.state is CheckoutState.ENDED:
            # Opened once before, by a process that died, and over by now.
            checkout = await self._opened(await self._replacement(mailbox), mailbox)
        if checkout.session is None or checkout.state is CheckoutState.ENDED:
            raise PaymentProviderUnavailable("The payment provider opened a link that is over.")
        return checkout.session.payment_url

    async def _current(self, checkout_id: str) -> Checkout:
        async with self.uow() as tx:
            return await tx.checkouts.get(checkout_id)

    async def _replacement(self, mailbox: Mailbox) -> Checkout:
        async with self.uow() as tx:
            checkout = await self.promise(tx, await tx.mailboxes.get(mailbox.id))
            await tx.commit()
        return checkout

    async def _opened(self, checkout: Checkout, mailbox: Mailbox) -> Checkout:
        if checkout.session is not None:
            return checkout
        session = await self.gateway.open(checkout, billing_email=str(mailbox.billing_email))
        async with self.uow() as tx:
            current = await tx.checkouts.get(checkout.id)
            if current.session is None:  # else another process was faster
                current = await self._record(tx, current.opened(session))
                await tx.commit()
        return current

    async def _record(self, tx: Transaction, checkout: Checkout) -> Checkout:
        if checkout.payable(self.clock()):
            await tx.checkouts.update(checkout)
            await self.mail_link(tx, await tx.mailboxes.get(checkout.mailbox_id), checkout)
            return checkout
        ended = checkout.moved(CheckoutState.ENDED)
        await tx.checkouts.update(ended)
        return ended
