"""Owe the billing contact a letter with the payment link, but never flood anybody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from keypost.billing import Checkout
from keypost.letters import LetterKind, LetterState, OutboxEntry
from keypost.mailbox import Mailbox
from keypost.ports import Clock, RandomBytes, Transaction

# At most one payment letter per mailbox in this time, whatever is claimed.
PAUSE = timedelta(minutes=10)

# At most so many letters an hour to one address, from any number of keys: keys
# cost nothing, and nobody's letter box is to be filled with them.
LETTERS_AN_HOUR = 5
_HOUR = timedelta(hours=1)

_LINKS = frozenset({LetterKind.PAYMENT_LINK})


@dataclass(frozen=True, slots=True)
class MailPaymentLink:
    """Put the letter into the outbox of an open transaction.

    A repeated claim with nothing new to say sends nothing. A new address or a
    new link replaces the letter that waits, and waits itself until the pause
    after the last one that went out is over.
    """

    clock: Clock
    random: RandomBytes
    mail_domain: str

    async def __call__(self, tx: Transaction, mailbox: Mailbox, checkout: Checkout) -> None:
        """Write the entry where one is owed; the caller commits."""
        entry = self._entry(mailbox, checkout)
        waiting = await tx.outbox.waiting(mailbox.id)
        others = [letter for letter in waiting if not letter.says_what(entry)]
        await _drop(tx, others)
        if len(others) < len(waiting):
            return  # one with these words waits
        last = await tx.outbox.last_sent(mailbox.id)
        if last is not None and last.says_what(entry) and self._is_recent(last):
            return
        entry = entry.not_before(self._end_of_pause(waiting, last))
        await tx.outbox.add(entry.not_before(await self._room_for(tx, entry)))

    def _is_recent(self, last: OutboxEntry) -> bool:
        return self.clock() < last.due_at + PAUSE

    def _end_of_pause(self, waiting: Iterable[OutboxEntry], last: OutboxEntry | None) -> datetime:
        """Return when the next letter may go out: one that is being sent goes out now."""
        if any(letter.state is LetterState.SENDING for letter in waiting):
            return self.clock() + PAUSE
        return last.due_at + PAUSE if last else self.clock()

    async def _room_for(self, tx: Transaction, entry: OutboxEntry) -> datetime:
        """Return when the address may get one more letter."""
        times = await tx.outbox.last_due_times_to(entry.to, count=LETTERS_AN_HOUR)
        return times[-1] + _HOUR if len(times) == LETTERS_AN_HOUR else entry.due_at

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
            expires_at=checkout.session.expires_at if checkout.session else now,
        )


async def drop_waiting_links(tx: Transaction, mailbox_id: str) -> None:
    """Drop the mailbox's payment letters that are not known to be sent; the caller commits.

    One that is being sent is dropped as well: it counts as sent if it succeeds,
    and is not tried again if it does not.
    """
    await _drop(tx, await tx.outbox.waiting(mailbox_id))


async def _drop(tx: Transaction, letters: Iterable[OutboxEntry]) -> None:
    for letter in letters:
        if letter.kind in _LINKS:
            await tx.outbox.update(letter.dropped())


def _facts(mailbox: Mailbox, checkout: Checkout, mail_domain: str) -> dict[str, str]:
    offer = checkout.offer
    return {
        "email": f"{mailbox.username}@{mail_domain}",
        "holder": mailbox.holder,
        "payment_url": checkout.session.payment_url if checkout.session else "",
        "price": f"{offer.amount_cents / 100:.2f} {offer.currency.upper()}",
        "months": str(offer.months),
    }
