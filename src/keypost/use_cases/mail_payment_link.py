"""Owe the billing contact a letter with the payment link, but never flood anybody."""

from dataclasses import dataclass
from datetime import timedelta

from keypost.billing import Checkout
from keypost.letters import LetterKind, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.ports import Clock, RandomBytes, Transaction

# At most one payment letter per mailbox in this time, whatever is claimed.
PAUSE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MailPaymentLink:
    """Put the letter into the outbox of an open transaction.

    A repeated claim with nothing new to say sends nothing. A new address or a
    new link is never dropped: it replaces a letter that nobody tried to send
    yet, or waits until the pause is over.
    """

    clock: Clock
    random: RandomBytes
    mail_domain: str

    async def __call__(self, tx: Transaction, mailbox: Mailbox, checkout: Checkout) -> None:
        """Write the entry where one is owed; the caller commits."""
        entry = self._entry(mailbox, checkout)
        last = await tx.outbox.last_for(mailbox.id)
        if last is None:
            await tx.outbox.add(entry)
        elif (last.to, last.facts) == (entry.to, entry.facts) and self._recent(last):
            return
        elif last.untouched:
            await tx.outbox.update(last.readdressed(entry.to, entry.facts))
        else:
            await tx.outbox.add(entry.not_before(last.due_at + PAUSE))

    def _recent(self, last: OutboxEntry) -> bool:
        return self.clock() < last.due_at + PAUSE

    def _entry(self, mailbox: Mailbox, checkout: Checkout) -> OutboxEntry:
        now = self.clock()
        return OutboxEntry(
            id=self.random(16).hex(),
            kind=LetterKind.PAYMENT_LINK,
            mailbox_id=mailbox.id,
            to=mailbox.billing_email,
            facts=_facts(mailbox, checkout, self.mail_domain),
            created_at=now,
            due_at=now,
        )


def _facts(mailbox: Mailbox, checkout: Checkout, mail_domain: str) -> dict[str, str]:
    offer = checkout.offer
    return {
        "email": f"{mailbox.username}@{mail_domain}",
        "holder": mailbox.holder,
        "payment_url": checkout.session.payment_url if checkout.session else "",
        "price": f"{offer.amount_cents / 100:.2f} {offer.currency.upper()}",
        "months": str(offer.months),
    }
