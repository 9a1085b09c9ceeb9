"""The workers go on, whatever a round of work brings."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import structlog

from fakes import things
from fakes.clock import NOON
from keypost.letters import OutboxEntry
from keypost.use_cases.settle_checkout import Reconciled
from keypostd import workers
from keypostd.workers import Bell, reconcile_forever, send_letters_forever


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LETTER_PAUSE", "_RECONCILE_PAUSE", "_PAUSE_AFTER_FAILURE"):
        monkeypatch.setattr(workers, name, 0.001)


async def until(done: asyncio.Event, work: Any) -> None:  # noqa: ANN401
    task = asyncio.create_task(work)
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("no_pauses")
async def test_a_round_that_fails_is_logged_and_followed_by_another() -> None:
    done, rounds = asyncio.Event(), 0

    async def send() -> Sequence[OutboxEntry]:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise OSError("no space left")
        done.set()
        return []

    with structlog.testing.capture_logs() as logs:
        await until(done, send_letters_forever(send, Bell()))
    assert [(log["event"], log["worker"]) for log in logs] == [("worker_failed", "letters")] * 2


@pytest.mark.usefixtures("no_pauses")
async def test_a_letter_that_was_not_sent_is_logged_without_its_words() -> None:
    done = asyncio.Event()
    entry = things.letter().taken(NOON).failed("The letter could not be written.", now=NOON)

    async def send() -> Sequence[OutboxEntry]:
        if done.is_set():
            return []
        done.set()
        return [entry, things.letter(2).taken(NOON).sent(NOON + timedelta(seconds=1))]

    with structlog.testing.capture_logs() as logs:
        await until(done, send_letters_forever(send, Bell()))
    [log] = logs
    assert (log["event"], log["letter"], log["given_up"]) == ("letter_not_sent", entry.id, False)
    assert str(entry.to) not in str(log)
    assert entry.facts["payment_url"] not in str(log)


async def test_a_bell_ends_the_pause_at_once() -> None:
    bell = Bell()
    bell.ring()
    async with asyncio.timeout(5):
        await bell.wait(60)


@pytest.mark.usefixtures("no_pauses")
async def test_unanswered_checkouts_are_told() -> None:
    done = asyncio.Event()

    async def reconcile() -> Reconciled:
        done.set()
        return Reconciled(asked=3, unanswered=1)

    with structlog.testing.capture_logs() as logs:
        await until(done, reconcile_forever(reconcile))
    assert (logs[0]["event"], logs[0]["unanswered"]) == ("checkouts_unanswered", 1)
