"""What every CheckoutGateway promises that has a till where its links can be paid."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes import things
from fakes.checkout import MemoryCheckout
from fakes.clock import FakeClock
from keypost.billing import Checkout, CheckoutState, OpenedSession, Session
from keypost.errors import CheckoutNotFound, PaymentProviderUnavailable
from keypost.ports import CheckoutGateway
from keypost_adapters.checkout.mock import MockCheckout

# As the core makes them: 16 random bytes, in hex.
FIRST = replace(things.checkout(), id="01" * 16)
SECOND = replace(things.checkout(), id="02" * 16)


@dataclass(frozen=True)
class Till:
    """A gateway, what its payer does, and how to break it."""

    gateway: CheckoutGateway
    pay: Callable[[str], Awaitable[None]]
    break_down: Callable[[], None]


def memory(clock: FakeClock) -> Till:
    gateway = MemoryCheckout(clock)

    async def pay(session_id: str) -> None:
        gateway.pay(session_id)

    def break_down() -> None:
        gateway.down = True

    return Till(gateway, pay, break_down)


def mock(clock: FakeClock, folder: Path) -> Till:
    gateway = MockCheckout(folder, base_url="http://keypost.example", clock=clock)

    def break_down() -> None:
        if folder.exists():
            folder.rename(folder.with_name("gone"))
        folder.write_text("not a folder")

    return Till(gateway, gateway.pay, break_down)


@pytest.fixture(params=["memory", "mock"])
def till(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Till:
    return memory(clock) if request.param == "memory" else mock(clock, tmp_path / "checkouts")


async def opened(till: Till, checkout: Checkout = FIRST) -> OpenedSession:
    return await till.gateway.open(checkout, billing_email="payer@example.org")


async def state(till: Till, session: OpenedSession) -> Session:
    return await till.gateway.look_up(session.session_id)


async def test_a_new_session_is_open_for_a_while(till: Till, clock: FakeClock) -> None:
    session = await opened(till)
    assert session.expires_at > clock() + timedelta(minutes=10)
    assert session.session_id in session.payment_url
    assert await state(till, session) == Session(CheckoutState.OPEN)


async def test_opening_twice_gives_the_same_session(till: Till, clock: FakeClock) -> None:
    session = await opened(till)
    clock.advance(timedelta(minutes=5))
    again = await till.gateway.open(FIRST, billing_email="another@example.org")
    assert again == session


async def test_opening_many_times_at_once_gives_the_same_session(till: Till) -> None:
    sessions = await asyncio.gather(*(opened(till) for _ in range(20)))
    assert len(set(sessions)) == 1


async def test_another_checkout_gets_another_session(till: Till) -> None:
    first, second = await opened(till, FIRST), await opened(till, SECOND)
    assert first.session_id != second.session_id
    assert first.payment_url != second.payment_url
    await till.pay(first.session_id)
    assert await state(till, second) == Session(CheckoutState.OPEN)


async def test_a_paid_session_has_a_receipt_that_never_changes(
    till: Till, clock: FakeClock
) -> None:
    session = await opened(till)
    clock.advance(timedelta(minutes=5))
    paid_at = clock()
    await till.pay(session.session_id)
    paid = await state(till, session)
    assert paid.state is CheckoutState.PAID
    assert paid.receipt is not None
    assert (paid.receipt.amount_cents, paid.receipt.currency) == (100, "eur")
    assert paid.receipt.paid_at == paid_at
    clock.advance(timedelta(days=400))
    assert await state(till, session) == paid


async def test_paying_twice_is_paying_once(till: Till, clock: FakeClock) -> None:
    session = await opened(till)
    await till.pay(session.session_id)
    once = await state(till, session)
    clock.advance(timedelta(minutes=5))
    await till.pay(session.session_id)
    assert await state(till, session) == once


async def test_receipts_of_two_sessions_differ(till: Till) -> None:
    first, second = await opened(till, FIRST), await opened(till, SECOND)
    ids = set()
    for session in (first, second):
        await till.pay(session.session_id)
        receipt = (await state(till, session)).receipt
        assert receipt is not None
        ids.add(receipt.payment_id)
    assert len(ids) == 2


async def test_a_session_ends_at_its_time_and_not_earlier(till: Till, clock: FakeClock) -> None:
    session = await opened(till)
    clock.now = session.expires_at - timedelta(microseconds=1)
    assert await state(till, session) == Session(CheckoutState.OPEN)
    clock.now = session.expires_at
    assert await state(till, session) == Session(CheckoutState.ENDED)


@pytest.mark.parametrize(
    "session_id",
    ["", "no-such", "mock_" + "0" * 32, "../etc/passwd", "mock_/../x", "mock_\0", "mock_\n", "/"],
)
async def test_an_unknown_session_is_not_found(till: Till, session_id: str) -> None:
    await opened(till)
    with pytest.raises(CheckoutNotFound):
        await till.gateway.look_up(session_id)


async def test_a_broken_provider_is_unavailable(till: Till) -> None:
    session = await opened(till)
    till.break_down()
    with pytest.raises(PaymentProviderUnavailable):
        await till.gateway.look_up(session.session_id)
    with pytest.raises(PaymentProviderUnavailable):
        await opened(till, SECOND)


async def test_its_name_stays_the_same(till: Till) -> None:
    assert till.gateway.provider in {"memory", "mock"}
