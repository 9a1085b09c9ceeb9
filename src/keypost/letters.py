"""Letters to people: what they say, and the outbox in which they wait until they are sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

from keypost.address import EmailAddress

# A letter that the provider refuses is tried again after 2 s, 4 s, 8 s … up to
# an hour apart; after these many attempts, some 20 hours, an operator has to look.
MAX_ATTEMPTS = 30
_LONGEST_PAUSE = timedelta(hours=1)

# How long a worker may hold a letter: longer than any notifier's time-out.
_LEASE = timedelta(seconds=60)


class LetterKind(Enum):
    """What a letter is about; each kind has a template."""

    PAYMENT_LINK = "payment_link"


class LetterState(Enum):
    """How far an outbox entry has come."""

    QUEUED = "queued"
    SENDING = "sending"  # a worker holds it until ``due_at``; if that passes, the worker died
    SENT = "sent"
    DEAD = "dead"  # given up after MAX_ATTEMPTS; logged, and kept for an operator
    DROPPED = "dropped"  # not worth sending any more: replaced, paid, or expired


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, ready to be handed over: plain text and HTML of the same content."""

    to: EmailAddress
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A letter that is owed, written in the same transaction as its cause.

    ``id`` doubles as the idempotency key towards the notifier, so an entry's
    words never change. ``facts`` is what the template is filled with.
    ``due_at`` is the earliest time to send, or when it was sent. After
    ``expires_at`` the letter would say what is no longer true.
    """

    id: str
    kind: LetterKind
    mailbox_id: str
    to: EmailAddress
    facts: Mapping[str, str]
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    state: LetterState = LetterState.QUEUED
    attempts: int = 0
    last_error: str = ""

    def says_what(self, other: "OutboxEntry") -> bool:
        """Say whether both tell the same to the same address."""
        return (self.kind, self.to, self.facts) == (other.kind, other.to, other.facts)

    def taken(self, now: datetime) -> Self:
        """Return the entry as a worker takes it: one more attempt, held for a minute.

        One that has expired is dropped instead.
        """
        if now >= self.expires_at:
            return self.dropped()
        return replace(
            self, state=LetterState.SENDING, attempts=self.attempts + 1, due_at=now + _LEASE
        )

    def sent(self, now: datetime) -> Self:
        """Return the entry as handed over at ``now``."""
        return replace(self, state=LetterState.SENT, due_at=now, last_error="")

    def failed(self, why: str, *, now: datetime) -> Self:
        """Return the taken entry after its attempt failed: due later, or dead."""
        pause = min(timedelta(seconds=2 ** min(self.attempts, 16)), _LONGEST_PAUSE)
        state = LetterState.DEAD if self.attempts >= MAX_ATTEMPTS else LetterState.QUEUED
        return replace(self, state=state, due_at=now + pause, last_error=why[:200])

    def not_before(self, time: datetime) -> Self:
        """Return the entry, due at ``time`` at the earliest."""
        return replace(self, due_at=max(self.due_at, time))

    def dropped(self) -> Self:
        """Return the entry as one that is not sent any more."""
        return replace(self, state=LetterState.DROPPED)
