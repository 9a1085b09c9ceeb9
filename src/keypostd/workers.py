"""What runs beside the requests: sending letters, asking about open checkouts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from keypost.letters import LetterState, OutboxEntry
from keypost.use_cases.settle_checkout import Reconciled

_log = structlog.get_logger(__name__)

# The outbox is looked at this often without being rung; retries fall due in between.
_LETTER_PAUSE = 1.0
_RECONCILE_PAUSE = 60.0
_PAUSE_AFTER_FAILURE = 5.0


@dataclass(frozen=True, slots=True)
class Bell:
    """Wakes a worker before its pause is over."""

    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Wake whoever waits, or the next who does."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait until rung, at most this long."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()


async def send_letters_forever(
    send: Callable[[], Awaitable[Sequence[OutboxEntry]]], bell: Bell
) -> None:
    """Send what is due, whenever the bell rings and about once a second."""

    async def step() -> None:
        while tried := await send():
            for letter in tried:
                _tell(letter)

    await _forever("letters", step, lambda: bell.wait(_LETTER_PAUSE))


def _tell(letter: OutboxEntry) -> None:
    if letter.state is not LetterState.SENT:
        _log.warning(
            "letter_not_sent",
            letter=letter.id,
            attempts=letter.attempts,
            given_up=letter.state is LetterState.DEAD,
            why=letter.last_error,
        )


async def reconcile_forever(reconcile: Callable[[], Awaitable[Reconciled]]) -> None:
    """Ask about open checkouts at once and then every minute."""

    async def step() -> None:
        outcome = await reconcile()
        if outcome.unanswered:
            _log.warning("checkouts_unanswered", asked=outcome.asked, unanswered=outcome.unanswered)

    await _forever("reconciliation", step, lambda: asyncio.sleep(_RECONCILE_PAUSE))


async def _forever(
    name: str, step: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]
) -> None:
    """Repeat a step. One that fails is logged and tried again: a worker never dies of its work."""
    while True:
        try:
            await step()
        except Exception:  # noqa: BLE001 - see above; the next round may do better
            _log.exception("worker_failed", worker=name)
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        await pause()
