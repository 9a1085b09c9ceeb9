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

_LINKS = frozenset({LetterKind.PAYMENT_LINK})
_WAITING = frozenset({LetterState.QUEUED, LetterState.SENDING})
_OUT = frozenset({LetterState.SENDING, LetterState.SENT})


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
        letters = await tx.outbox.of(mailbox.id)
        others = [letter for letter in letters if not letter.says_what(entry)]
        await _drop_waiting(tx, others)
        if any(self._counts(letter) for letter in letters if letter not in others):
            return
        out = [self._went_out(letter) for letter in letters if letter.state in _OUT]
        await tx.outbox.add(entry.not_before(max(out) + PAUSE) if out else entry)

    def _counts(self, letter: OutboxEntry) -> bool:
        """Say whether a letter with the same words makes another one needless."""
        is_recent = letter.state is LetterState.SENT and self.clock() < letter.due_at + PAUSE
        return is_recent or letter.state in _WAITING

    def _went_out(self, letter: OutboxEntry) -> datetime:
        return letter.due_at if letter.state is LetterState.SENT else self.clock()

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
    await _drop_waiting(tx, await tx.outbox.of(mailbox_id))


async def _drop_waiting(tx: Transaction, letters: Iterable[OutboxEntry]) -> None:
    for letter in letters:
        if letter.kind in _LINKS and letter.state in _WAITING:
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
