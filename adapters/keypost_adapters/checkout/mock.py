"""A payment provider that lives in a folder and takes no money.

It is a provider like the others: it keeps its own books (a JSON file a
session), and the core learns of a payment only by asking it.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from keypost.billing import Checkout, CheckoutState, OpenedSession, Receipt, Session
from keypost.errors import CheckoutEnded, CheckoutNotFound, PaymentProviderUnavailable
from keypost.ports import Clock
from keypost_adapters.durable_file import write_durably

_LIFETIME = timedelta(days=1)
_SESSION_ID = re.compile(r"mock_[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class MockCheckout:
    """CheckoutGateway over a folder of JSON files, and the till where its links are paid."""

    folder: Path
    base_url: str
    clock: Clock

    @property
    def provider(self) -> str:
        """The provider's name in the ledger."""
        return "mock"

    async def open(self, checkout: Checkout, *, billing_email: str) -> OpenedSession:
        """Open a session; the same checkout always gets the same one."""
        return await asyncio.to_thread(self._open, checkout, billing_email)

    async def look_up(self, session_id: str) -> Session:
        """Return what the books say of a session."""
        books = await asyncio.to_thread(self._read, session_id)
        try:
            return self._session(session_id, books)
        except (KeyError, TypeError, ValueError) as error:
            raise PaymentProviderUnavailable("The mock provider's books are spoilt.") from error

    async def pay(self, session_id: str) -> None:
        """Pay a session, as its payer does; raise CheckoutNotFound, CheckoutEnded.

        Paying twice is paying once.
        """
        session = await self.look_up(session_id)
        if session.state is CheckoutState.ENDED:
            raise CheckoutEnded
        if session.state is CheckoutState.OPEN:
            await asyncio.to_thread(self._mark_paid, session_id)

    def _open(self, checkout: Checkout, billing_email: str) -> OpenedSession:
        session_id = f"mock_{checkout.id}"
        try:
            books = self._read(session_id)
        except CheckoutNotFound:
            books = {
                "amount_cents": checkout.offer.amount_cents,
                "currency": checkout.offer.currency,
                "customer_email": billing_email,
                "expires_at": (self.clock() + _LIFETIME).isoformat(),
            }
            self._write(session_id, books)
        expires_at = datetime.fromisoformat(books["expires_at"])
        return OpenedSession(session_id, f"{self.base_url}/mock/pay/{session_id}", expires_at)

    def _session(self, session_id: str, books: dict[str, Any]) -> Session:
        if "paid_at" in books:
            return Session(CheckoutState.PAID, _receipt(session_id, books))
        ended = self.clock() >= datetime.fromisoformat(books["expires_at"])
        return Session(CheckoutState.ENDED if ended else CheckoutState.OPEN)

    def _mark_paid(self, session_id: str) -> None:
        books = self._read(session_id)
        self._write(session_id, {"paid_at": self.clock().isoformat(), **books})

    def _path(self, session_id: str) -> Path:
        # The id comes from a URL, so nothing but an id may reach the file system.
        if not _SESSION_ID.match(session_id):
            raise CheckoutNotFound
        return self.folder / f"{session_id}.json"

    def _read(self, session_id: str) -> dict[str, Any]:
        try:
            content = self._path(session_id).read_bytes()
        except FileNotFoundError:
            raise CheckoutNotFound from None
        except OSError as error:
            raise PaymentProviderUnavailable from error
        try:
            books: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise PaymentProviderUnavailable from error
        return books

    def _write(self, session_id: str, books: dict[str, Any]) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._path(session_id), json.dumps(books, indent=1).encode())
        except OSError as error:
            raise PaymentProviderUnavailable from error


def _receipt(session_id: str, books: dict[str, Any]) -> Receipt:
    return Receipt(
        payment_id=session_id,
        amount_cents=books["amount_cents"],
        currency=books["currency"],
        paid_at=datetime.fromisoformat(books["paid_at"]),
    )
