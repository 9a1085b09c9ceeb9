"""The life of a letter in the outbox."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes import things
from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.letters import MAX_ATTEMPTS, LetterState, OutboxEntry

QUEUED = things.letter(0)
TAKEN = QUEUED.taken(NOON)


def failed(times: int) -> OutboxEntry:
    entry = QUEUED
    for _ in range(times):
        entry = entry.taken(NOON).failed("down", now=NOON)
    return entry


def test_a_taken_letter_is_held_for_a_minute() -> None:
    assert (TAKEN.state, TAKEN.attempts) == (LetterState.SENDING, 1)
    assert TAKEN.due_at == NOON + timedelta(minutes=1)


def test_a_sent_letter_remembers_when_and_forgets_its_errors() -> None:
    later = NOON + timedelta(hours=3)
    sent = failed(2).taken(later).sent(later)
    assert (sent.state, sent.due_at, sent.attempts) == (LetterState.SENT, later, 3)
    assert sent.last_error == ""


@pytest.mark.parametrize(
    ("times", "seconds"),
    [(1, 2), (2, 4), (3, 8), (10, 1024), (11, 2048), (12, 3600), (20, 3600), (29, 3600)],
)
def test_the_pause_doubles_up_to_an_hour(times: int, seconds: int) -> None:
    entry = failed(times)
    assert entry.state is LetterState.QUEUED
    assert entry.due_at == NOON + timedelta(seconds=seconds)


def test_the_last_attempt_that_fails_is_the_end() -> None:
    assert failed(MAX_ATTEMPTS - 1).state is LetterState.QUEUED
    dead = failed(MAX_ATTEMPTS)
    assert (dead.state, dead.attempts) == (LetterState.DEAD, MAX_ATTEMPTS)


def test_a_letter_is_given_up_after_most_of_a_day_and_before_its_link_is_over() -> None:
    pauses = (failed(times).due_at - NOON for times in range(1, MAX_ATTEMPTS))
    assert timedelta(hours=18) < sum(pauses, timedelta(0)) < timedelta(hours=24)


def test_a_long_error_is_cut() -> None:
    assert TAKEN.failed("x" * 5000, now=NOON).last_error == "x" * 200


def test_not_before_only_ever_puts_off() -> None:
    assert QUEUED.not_before(NOON - timedelta(1)) == QUEUED
    assert QUEUED.not_before(NOON + timedelta(1)).due_at == NOON + timedelta(1)


def test_a_letter_is_taken_until_it_expires_and_dropped_from_then_on() -> None:
    moment = timedelta(microseconds=1)
    assert QUEUED.taken(QUEUED.expires_at - moment).state is LetterState.SENDING
    assert QUEUED.taken(QUEUED.expires_at) == QUEUED.dropped()
    assert TAKEN.taken(TAKEN.expires_at) == TAKEN.dropped()


def test_dropping_changes_the_state_only() -> None:
    entry = failed(2)
    assert entry.dropped() == replace(entry, state=LetterState.DROPPED)


def test_two_letters_say_the_same_if_kind_recipient_and_facts_are_the_same() -> None:
    later = replace(failed(3), id="another", created_at=NOON + timedelta(days=1))
    assert QUEUED.says_what(later)
    assert later.says_what(QUEUED)
    other = EmailAddress.parse("other@example.org")
    assert not QUEUED.says_what(replace(QUEUED, to=other))
    assert not QUEUED.says_what(replace(QUEUED, facts={**QUEUED.facts, "price": "2.00 EUR"}))
