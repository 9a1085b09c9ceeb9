"""What a mailbox is follows from its dates; so does whether mail is taken for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes import things
from fakes.clock import NOON
from keypost.address import EmailAddress
from keypost.mailbox import Mailbox, Status
from keypost.receiving import Delivery

MOMENT = timedelta(microseconds=1)
MAILBOX = things.mailbox()
PAID = MAILBOX.paid(NOON)
USER = replace(things.mail_user(), valid_until=NOON, grace_until=NOON + timedelta(days=7))


def test_a_mailbox_that_nobody_paid_for_waits() -> None:
    assert MAILBOX.status(NOON) is Status.PENDING_PAYMENT
    assert not MAILBOX.usable(NOON)


def test_a_paid_mailbox_is_active_until_its_time_is_over() -> None:
    assert PAID.status(NOON - MOMENT) is Status.ACTIVE
    assert PAID.usable(NOON - MOMENT)
    assert PAID.status(NOON) is Status.EXPIRED
    assert not PAID.usable(NOON)


@pytest.mark.parametrize("mailbox", [MAILBOX, PAID, PAID.paid(NOON + timedelta(days=1))])
def test_a_revoked_mailbox_is_revoked_whatever_was_paid(mailbox: Mailbox) -> None:
    revoked = replace(mailbox, revoked_at=NOON)
    assert revoked.status(NOON) is Status.REVOKED
    assert not revoked.usable(NOON)


def test_a_mailbox_changes_by_becoming_another() -> None:
    other = EmailAddress.parse("other@example.org")
    assert MAILBOX.billed_to(other) == replace(MAILBOX, billing_email=other)
    assert MAILBOX.paid(NOON) == replace(MAILBOX, paid_until=NOON)
    assert MAILBOX.paid_until is None


@pytest.mark.parametrize(
    ("after", "delivery", "logs_in"),
    [
        (timedelta(days=-30), Delivery.OPEN, True),
        (-MOMENT, Delivery.OPEN, True),
        (timedelta(0), Delivery.GRACE, False),
        (timedelta(days=7) - MOMENT, Delivery.GRACE, False),
        (timedelta(days=7), Delivery.CLOSED, False),
        (timedelta(days=700), Delivery.CLOSED, False),
    ],
)
def test_mail_is_taken_then_put_off_then_refused(
    after: timedelta,
    delivery: Delivery,
    logs_in: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert USER.delivery(NOON + after) is delivery
    assert USER.may_log_in(NOON + after) is logs_in


@pytest.mark.parametrize("after", [-timedelta(days=1), timedelta(0), timedelta(days=8)])
def test_a_disabled_user_gets_nothing_and_has_no_grace(after: timedelta) -> None:
    disabled = replace(USER, enabled=False)
    assert disabled.delivery(NOON + after) is Delivery.CLOSED
    assert not disabled.may_log_in(NOON + after)


def test_without_grace_mail_is_refused_at_once() -> None:
    assert replace(USER, grace_until=NOON).delivery(NOON) is Delivery.CLOSED
