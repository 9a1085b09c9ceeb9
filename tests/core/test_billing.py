"""What payments buy does not depend on how they became known."""

from calendar import monthrange
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import things
from fakes.clock import NOON
from keypost.billing import CheckoutState, Payment, Receipt, add_months, paid_until

SOUND = settings(derandomize=True, deadline=None, max_examples=300, database=None)

FIRST, LAST = (datetime.fromisoformat(day) for day in ("2024-01-01", "2031-12-31"))
TIMES = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
# Where every month has the day, months add up exactly.
EVERY_MONTH_HAS = TIMES.map(lambda time: time.replace(day=min(time.day, 28)))
MONTHS = st.integers(1, 24)


def paid(at: datetime, months: int = 1, number: int = 1) -> Payment:
    receipt = Receipt(f"payment-{number}", 100 * months, "eur", at)
    return replace(things.payment(), receipt=receipt, months=months)


def ledgers(times: st.SearchStrategy[datetime]) -> st.SearchStrategy[list[Payment]]:
    pairs = st.lists(st.tuples(times, MONTHS), max_size=8)
    return pairs.map(lambda them: [paid(at, n, i) for i, (at, n) in enumerate(them)])


def by_the_calendar(start: datetime, months: int) -> datetime:
    """Walk month by month instead of dividing."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last_day = monthrange(year, month)[1]
    if start.day <= last_day:
        return start.replace(year=year, month=month)
    return datetime.fromisoformat(f"{year}-{month:02}-{last_day}T23:59:59.999999+00:00")


def oracle(payments: list[Payment]) -> datetime | None:
    """The latest of: start at one payment, and add all months from that payment on."""
    ordered = sorted(payments, key=lambda payment: payment.receipt.paid_at)
    ends = [
        by_the_calendar(payment.receipt.paid_at, sum(later.months for later in ordered[index:]))
        for index, payment in enumerate(ordered)
    ]
    return max(ends, default=None)


@SOUND
@given(ledgers(TIMES))
def test_paid_until_is_what_the_oracle_says(payments: list[Payment]) -> None:
    assert paid_until(payments) == oracle(payments)


@SOUND
@given(ledgers(TIMES), st.randoms(use_true_random=False))
def test_the_order_in_which_payments_became_known_does_not_matter(
    payments: list[Payment], random: Random
) -> None:
    shuffled = list(payments)
    random.shuffle(shuffled)
    assert paid_until(shuffled) == paid_until(payments)


@SOUND
@given(ledgers(EVERY_MONTH_HAS), EVERY_MONTH_HAS, MONTHS)
def test_a_later_payment_adds_its_months_to_what_is_left(
    payments: list[Payment], at: datetime, months: int
) -> None:
    last = max([at, *(payment.receipt.paid_at for payment in payments)])
    before = paid_until(payments)
    start = last if before is None else max(before, last)
    until = paid_until([*payments, paid(last, months, number=99)])
    assert until == by_the_calendar(start, months)


@SOUND
@given(ledgers(TIMES))
def test_every_payment_buys_at_least_its_own_months(
    payments: list[Payment],
) -> None:
    until = paid_until(payments)
    for payment in payments:
        assert until is not None
        assert until >= by_the_calendar(payment.receipt.paid_at, payment.months)


@SOUND
@given(ledgers(TIMES), TIMES, MONTHS)
def test_one_more_payment_never_takes_time_away(
    payments: list[Payment], at: datetime, months: int
) -> None:
    before = paid_until(payments)
    after = paid_until([*payments, paid(at, months, number=99)])
    assert after is not None
    assert before is None or after >= before


def test_nothing_paid_is_no_time() -> None:
    assert paid_until([]) is None


def test_an_early_renewal_loses_nothing() -> None:
    early = [paid(NOON), paid(NOON + timedelta(days=1), number=2)]
    assert paid_until(early) == NOON.replace(year=2027, month=1)


def test_a_renewal_at_the_last_moment_joins_on() -> None:
    end = NOON.replace(month=12)
    assert paid_until([paid(NOON), paid(end, number=2)]) == NOON.replace(year=2027, month=1)


def test_a_late_renewal_starts_when_it_is_paid() -> None:
    late = NOON.replace(year=2027, month=6, day=3)
    assert paid_until([paid(NOON), paid(late, number=2)]) == NOON.replace(year=2027, month=7, day=3)


def test_a_payment_from_before_that_becomes_known_late_still_counts() -> None:
    known_first = [paid(NOON + timedelta(days=2), number=2)]
    with_the_other = [*known_first, paid(NOON)]
    assert paid_until(known_first) == NOON.replace(month=12, day=23)
    assert paid_until(with_the_other) == NOON.replace(year=2027, month=1)


def test_a_year_at_once_is_twelve_months() -> None:
    assert paid_until([paid(NOON, 12)]) == NOON.replace(year=2027)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-01-31", 2, "2026-03-31"),
        ("2026-03-31", 1, "2026-04-30"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-11-15", 1, "2026-12-15"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", 24, "2028-01-15"),
        ("2026-01-15", 0, "2026-01-15"),
    ],
)
def test_a_month_that_lacks_the_day_ends_on_its_last(start: str, months: int, end: str) -> None:
    def at(day: str) -> datetime:
        return datetime.fromisoformat(f"{day}T23:59:59.999999+00:00")

    assert add_months(at(start), months) == at(end)


@SOUND
@given(TIMES, st.integers(0, 240))
def test_months_add_up_as_on_a_calendar(start: datetime, months: int) -> None:
    end = add_months(start, months)
    assert end == by_the_calendar(start, months)
    assert end.tzinfo is UTC
    assert end.day <= start.day


@SOUND
@given(TIMES, TIMES, st.integers(0, 240))
def test_a_later_start_never_gives_an_earlier_end(
    one: datetime, other: datetime, months: int
) -> None:
    earlier, later = sorted((one, other))
    assert add_months(earlier, months) <= add_months(later, months)


def test_a_link_can_be_paid_while_it_is_open_and_its_time_is_not_over() -> None:
    promised, opened = things.checkout(), things.checkout().opened(things.session())
    end = things.session().expires_at
    assert opened.state is CheckoutState.OPEN
    assert opened.payable(end - timedelta(microseconds=1))
    assert not opened.payable(end)
    assert not promised.payable(NOON)
    assert not opened.moved(CheckoutState.PAID).payable(NOON)
    assert not opened.moved(CheckoutState.ENDED).payable(NOON)
