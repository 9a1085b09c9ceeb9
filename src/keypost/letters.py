"""Letters to people: what they say, and the outbox in which they wait until they are sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

from keypost.address import EmailAddress

# A letter that the provider refuses is tried again after 2 s, 4 s, 8 s … up to
# an hour apart; after these many attempts an operator has to look.
MAX_ATTEMPTS = 40
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
    DEAD = "dead"  # given up after MAX_ATTEMPTS; kept for an operator


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

    ``id`` doubles as the idempotency key towards the notifier. ``facts`` is
    what the template is filled with. ``due_at`` is the earliest time to send.
    """

    id: str
    kind: LetterKind
    mailbox_id: str
    to: EmailAddress
    facts: Mapping[str, str]
    created_at: datetime
    due_at: datetime
    state: LetterState = LetterState.QUEUED
    attempts: int = 0
    last_error: str = ""

    @property
    def untouched(self) -> bool:
        """Say whether no attempt was made yet, so that its words may still change."""
        return self.state is LetterState.QUEUED and self.attempts == 0

    def taken(self, now: datetime) -> Self:
        """Return the entry as a worker takes it: one more attempt, held for a minute."""
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

    def readdressed(self, to: EmailAddress, facts: Mapping[str, str]) -> Self:
        """Return the untouched entry with another recipient and content."""
        return replace(self, to=to, facts=facts)
