"""Readiness: what it checks, what it says when that cannot be checked, and what it costs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from fakes.clock import NOON, FakeClock
from keypost.errors import StoreBusy
from keypostd.readiness import Readiness


@dataclass
class Watched:
    """A store as readiness sees it."""

    found: str = "0001"
    oldest: datetime | None = None
    attempts: int = 0
    is_down: bool = False
    asked: int = 0

    async def revision(self) -> str:
        self.asked += 1
        if self.is_down:
            raise StoreBusy
        return self.found

    async def oldest_untried_letter(self) -> datetime | None:
        return self.oldest

    async def most_attempts(self) -> int:
        return self.attempts


@pytest.mark.parametrize(
    ("store", "check", "words"),
    [
        (Watched(found="0000"), "migrations", "pending; run keypostd migrate"),
        (Watched(oldest=NOON - timedelta(minutes=6)), "queues", "letters are not being sent"),
        (Watched(attempts=10), "queues", "the notifier refuses letters"),
        (Watched(is_down=True), "database", "the database does not answer"),
    ],
)
async def test_what_is_wrong_is_said(store: Watched, check: str, words: str) -> None:
    assert (await Readiness(store, "0001", FakeClock())())[check] == words


async def test_nothing_wrong_is_ok_three_times() -> None:
    store = Watched(oldest=NOON - timedelta(minutes=4))
    answer = await Readiness(store, "0001", FakeClock())()
    assert answer == {"database": "ok", "migrations": "ok", "queues": "ok"}


async def test_asking_often_costs_one_look_a_second() -> None:
    clock, store = FakeClock(), Watched()
    ready = Readiness(store, "0001", clock)
    for _ in range(100):
        await ready()
    assert store.asked == 1
    clock.advance(timedelta(seconds=1))
    await ready()
    assert store.asked == 2
