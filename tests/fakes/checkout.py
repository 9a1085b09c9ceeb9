"""A payment provider in memory."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from keypost.billing import Checkout, CheckoutState, OpenedSession, Receipt, Session
from keypost.errors import CheckoutNotFound, PaymentProviderUnavailable
from keypost.ports import Clock

LIFETIME = timedelta(days=1)


@dataclass
class MemoryCheckout:
    """CheckoutGateway in memory.

    ``down`` makes it fail before anything happens. ``loses_answers`` makes it
    fail after a session was opened. Clearing ``answers`` makes it hang until it
    is set again. ``opened`` and ``billed_to`` remember every call that opened.
    """

    clock: Clock
    provider: str = "memory"
    down: bool = False
    loses_answers: bool = False
    lifetime: timedelta = LIFETIME
    opened: list[str] = field(default_factory=list)
    billed_to: list[str] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _sessions: dict[str, OpenedSession] = field(default_factory=dict)
    _receipts: dict[str, Receipt] = field(default_factory=dict)
    _offers: dict[str, Checkout] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.answers.set()

    async def open(self, checkout: Checkout, *, billing_email: str) -> OpenedSession:
        await self._answering()
        session_id = f"{self.provider}_{checkout.id}"
        self.opened.append(checkout.id)
        self.billed_to.append(billing_email)
        if session_id not in self._sessions:
            url = f"https://pay.example/{session_id}"
            self._sessions[session_id] = OpenedSession(
                session_id, url, self.clock() + self.lifetime
            )
            self._offers[session_id] = checkout
        if self.loses_answers:
            raise PaymentProviderUnavailable
        return self._sessions[session_id]

    async def look_up(self, session_id: str) -> Session:
        await self._answering()
        if session_id not in self._sessions:
            raise CheckoutNotFound
        if session_id in self._receipts:
            return Session(CheckoutState.PAID, self._receipts[session_id])
        over = self.clock() >= self._sessions[session_id].expires_at
        ended = over or session_id in self._ended
        return Session(CheckoutState.ENDED if ended else CheckoutState.OPEN)

    async def _answering(self) -> None:
        await asyncio.sleep(0)  # a real one waits for the network
        await self.answers.wait()
        if self.down:
            raise PaymentProviderUnavailable

    # --- what payers and providers do -----------------------------------------

    def pay(self, session_id: str) -> None:
        """Pay a session; paying twice is paying once. A provider may take money late."""
        offer = self._offers[session_id].offer
        receipt = Receipt(f"pay_{session_id}", offer.amount_cents, offer.currency, self.clock())
        self._receipts.setdefault(session_id, receipt)

    def end(self, session_id: str) -> None:
        """End a session before its time."""
        self._ended.add(session_id)

    def forget(self, session_id: str) -> None:
        """Lose a session, as a provider that was replaced by another."""
        del self._sessions[session_id]
