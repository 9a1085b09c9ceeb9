"""The mock provider keeps its books on disk and lets nothing but an id reach them."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes import things
from fakes.clock import FakeClock
from keypost.billing import CheckoutState
from keypost.errors import CheckoutEnded, CheckoutNotFound, PaymentProviderUnavailable
from keypost_adapters.checkout.mock import MockCheckout

CHECKOUT = replace(things.checkout(), id="0123456789abcdef" * 2)
SESSION = f"mock_{CHECKOUT.id}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def mock(tmp_path: Path, clock: FakeClock) -> MockCheckout:
    return MockCheckout(tmp_path / "checkouts", "http://keypost.example", clock)


async def opened(mock: MockCheckout) -> None:
    await mock.open(CHECKOUT, billing_email="payer@example.org")


async def test_the_link_leads_to_the_till(mock: MockCheckout) -> None:
    session = await mock.open(CHECKOUT, billing_email="payer@example.org")
    assert session.payment_url == f"http://keypost.example/mock/pay/{SESSION}"
    assert session.session_id == SESSION


async def test_the_books_are_a_private_file(mock: MockCheckout) -> None:
    await opened(mock)
    [path] = mock.folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(mock.folder.stat().st_mode) == 0o700
    books = json.loads(path.read_text())
    assert books["customer_email"] == "payer@example.org"
    assert (books["amount_cents"], books["currency"]) == (100, "eur")


async def test_a_payment_survives_a_restart(mock: MockCheckout, clock: FakeClock) -> None:
    await opened(mock)
    await mock.pay(SESSION)
    restarted = MockCheckout(mock.folder, "http://elsewhere.example", clock)
    assert (await restarted.look_up(SESSION)).state is CheckoutState.PAID


async def test_opening_a_paid_session_again_does_not_unpay_it(mock: MockCheckout) -> None:
    await opened(mock)
    await mock.pay(SESSION)
    await opened(mock)
    assert (await mock.look_up(SESSION)).state is CheckoutState.PAID


async def test_an_ended_session_takes_no_money(mock: MockCheckout, clock: FakeClock) -> None:
    await opened(mock)
    clock.advance(timedelta(days=1))
    with pytest.raises(CheckoutEnded):
        await mock.pay(SESSION)
    assert (await mock.look_up(SESSION)).receipt is None


@pytest.mark.parametrize("content", [b"", b'{"expires_at": "20', b"\xff\xfe\x00", b"nonsense"])
async def test_books_that_cannot_be_read_are_a_provider_that_does_not_answer(
    mock: MockCheckout, content: bytes
) -> None:
    await opened(mock)
    books = mock.folder / f"{SESSION}.json"
    books.write_bytes(content)
    for asked in (mock.look_up(SESSION), mock.pay(SESSION), opened(mock)):
        with pytest.raises(PaymentProviderUnavailable):
            await asked
    assert books.read_bytes() == content  # left for an operator to look at


@pytest.mark.parametrize(
    "session_id",
    [
        "mock_" + "0" * 32,
        "mock_" + "A" * 32,
        SESSION + "\n",
        SESSION + ".json",
        "mock_../../secret",
        "../secret",
        "secret",
        "",
    ],
)
async def test_only_the_id_of_a_known_session_is_paid_or_found(
    mock: MockCheckout, session_id: str
) -> None:
    await opened(mock)
    (mock.folder.parent / "secret.json").write_text("{}")
    (mock.folder / "secret.json").write_text("{}")
    with pytest.raises(CheckoutNotFound):
        await mock.look_up(session_id)
    with pytest.raises(CheckoutNotFound):
        await mock.pay(session_id)
