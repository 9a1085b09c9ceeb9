"""Letters by Resend, Unsend, SendGrid and Mailgun, and every way in which they fail."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from adapters.notifier_smtp import closed_port
from adapters.notifier_vendors import (
    API_KEY,
    DOMAIN,
    SPECS,
    Delivered,
    Mailgun,
    Mode,
    Resend,
    SendGrid,
    Unsend,
    Vendor,
    listening,
)
from keypost.address import EmailAddress
from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost.ports import Notifier
from keypost_adapters.notifier.mailgun import MailgunNotifier
from keypost_adapters.notifier.resend import ResendNotifier
from keypost_adapters.notifier.sender import Sender
from keypost_adapters.notifier.sendgrid import SendGridNotifier
from keypost_adapters.notifier.unsend import UnsendNotifier

LETTER = Letter(
    to=EmailAddress.parse("payer+tag@example.org"),
    subject="Payment link: ąčę & 100 %",
    text="Pay: https://pay.example/secret-1?a=1&b=2\nąčę ✓\n",
    html='<a href="https://pay.example/secret-1?a=1&amp;b=2">Pay ✓</a>\n',
)
KEY = "0f" * 16
SENDER = Sender(EmailAddress.parse("post@keypost.example"), "Keypost")

Make = Callable[..., Notifier]


def resend(url: str, client: httpx.AsyncClient, *, sender: Sender, deadline: float) -> Notifier:
    return ResendNotifier(
        client=client, api_key=API_KEY, sender=sender, base_url=url, deadline=deadline
    )


def unsend(url: str, client: httpx.AsyncClient, *, sender: Sender, deadline: float) -> Notifier:
    return UnsendNotifier(
        client=client, api_key=API_KEY, sender=sender, base_url=f"{url}/api/", deadline=deadline
    )


def sendgrid(url: str, client: httpx.AsyncClient, *, sender: Sender, deadline: float) -> Notifier:
    return SendGridNotifier(
        client=client, api_key=API_KEY, sender=sender, base_url=url, deadline=deadline
    )


def mailgun(url: str, client: httpx.AsyncClient, *, sender: Sender, deadline: float) -> Notifier:
    return MailgunNotifier(
        client=client,
        api_key=API_KEY,
        domain=DOMAIN,
        sender=sender,
        base_url=url,
        deadline=deadline,
    )


VENDORS: dict[str, tuple[type[Vendor], Make]] = {
    "Resend": (Resend, resend),
    "Unsend": (Unsend, unsend),
    "SendGrid": (SendGrid, sendgrid),
    "Mailgun": (Mailgun, mailgun),
}
WITH_RECEIPT = ["Resend", "Unsend", "Mailgun"]
STATUSES = {Mode.REFUSING: "403", Mode.LIMITING: "429", Mode.BROKEN: "502", Mode.MOVED: "307"}


@pytest.fixture(params=VENDORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def vendor(name: str) -> AsyncIterator[Vendor]:
    async with listening(VENDORS[name][0]()) as stand_in:
        yield stand_in


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as opened:
        yield opened


@pytest.fixture
def make(name: str, client: httpx.AsyncClient) -> Make:
    def made(url: str, *, sender: Sender = SENDER, deadline: float = 5) -> Notifier:
        return VENDORS[name][1](url, client, sender=sender, deadline=deadline)

    return made


async def refusal(notifier: Notifier, letter: Letter = LETTER, key: str = KEY) -> str:
    """Return what went wrong, having looked that it gives nothing away."""
    with pytest.raises(NotifierUnavailable) as refused:
        await notifier.send(letter, idempotency_key=key)
    shown = "".join(traceback.format_exception(refused.value))
    for secret in (API_KEY, "payer", "secret-1", "not allowed"):
        assert secret not in shown
    return str(refused.value)


async def test_the_vendor_gets_the_whole_letter(vendor: Vendor, make: Make) -> None:
    await make(vendor.url).send(LETTER, idempotency_key=KEY)
    assert vendor.delivered == [
        Delivered(
            to="payer+tag@example.org",
            subject=LETTER.subject,
            text=LETTER.text,
            html=LETTER.html,
            sender="Keypost <post@keypost.example>",
            mark=KEY,
        )
    ]


@pytest.mark.parametrize("mode", STATUSES)
async def test_a_status_that_is_no_acceptance_is_named(
    vendor: Vendor, make: Make, name: str, mode: Mode
) -> None:
    vendor.mode = mode
    assert await refusal(make(vendor.url)) == f"{name} answered {STATUSES[mode]}."
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("name", WITH_RECEIPT)
@pytest.mark.parametrize("mode", [Mode.GARBLED, Mode.NESTED])
async def test_an_acceptance_that_cannot_be_read_is_none(
    vendor: Vendor, make: Make, name: str, mode: Mode
) -> None:
    vendor.mode = mode
    assert await refusal(make(vendor.url)) == f"{name} gave no receipt that can be read."


@pytest.mark.parametrize("mode", [Mode.NOT_HTTP, Mode.DROPPING, Mode.FORGETTING])
async def test_a_vendor_that_hangs_up_could_not_be_reached(
    vendor: Vendor, make: Make, name: str, mode: Mode
) -> None:
    vendor.mode = mode
    assert await refusal(make(vendor.url)) == f"{name} could not be reached."


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((each, Mode.HANGING) for each in VENDORS),
        *((each, Mode.DRIPPING) for each in WITH_RECEIPT),
    ],
)
async def test_a_vendor_that_takes_its_time_is_left(
    vendor: Vendor, make: Make, name: str, mode: Mode
) -> None:
    vendor.mode = mode
    started = time.monotonic()
    assert await refusal(make(vendor.url, deadline=0.2)) == f"{name} did not answer in time."
    assert time.monotonic() - started < 2


async def test_a_vendor_that_is_not_there_could_not_be_reached(make: Make, name: str) -> None:
    assert await refusal(make(f"http://127.0.0.1:{closed_port()}")) == (
        f"{name} could not be reached."
    )


@pytest.mark.parametrize("url", ["http://[", "nonsense"])
async def test_an_address_that_is_none_could_not_be_reached(
    make: Make, name: str, url: str
) -> None:
    assert await refusal(make(url)) == f"{name} could not be reached."


async def test_a_lost_acceptance_sent_again_can_be_recognised(vendor: Vendor, make: Make) -> None:
    vendor.mode = Mode.FORGETTING
    await refusal(make(vendor.url))
    vendor.mode = Mode.WORKING
    await make(vendor.url).send(LETTER, idempotency_key=KEY)
    knows_keys = isinstance(vendor, Resend | Unsend)
    assert [each.mark for each in vendor.delivered] == [KEY] * (1 if knows_keys else 2)


async def test_a_refused_key_is_told_by_its_status(
    vendor: Vendor, client: httpx.AsyncClient, name: str
) -> None:
    notifier = VENDORS[name][1](vendor.url, client, sender=SENDER, deadline=5)
    wrong = replace(notifier, api_key="wrong")  # type: ignore[type-var]
    assert await refusal(wrong) == f"{name} answered 401."


@pytest.mark.parametrize(
    "subject", ["Hi\r\nBcc: x@example.net", "Hi\n", "Hi\0", "Hi\x85", "Hi\u2028there", "\udcff"]
)
async def test_a_subject_cannot_start_another_header(
    vendor: Vendor, make: Make, subject: str
) -> None:
    said = await refusal(make(vendor.url), replace(LETTER, subject=subject))
    assert said == "The letter's subject is not one line of text."
    assert vendor.requests == []


async def test_a_subject_may_hold_what_people_write(vendor: Vendor, make: Make) -> None:
    subject = "Price: 1\N{NO-BREAK SPACE}€, 5\N{NARROW NO-BREAK SPACE}% \N{ZERO WIDTH JOINER}✓"
    await make(vendor.url).send(replace(LETTER, subject=subject), idempotency_key=KEY)
    assert [each.subject for each in vendor.delivered] == [subject]


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Other: 1", "ą", "a" * 129, "<a@b>"])
async def test_a_key_cannot_start_another_header(vendor: Vendor, make: Make, key: str) -> None:
    said = await refusal(make(vendor.url), key=key)
    assert said == "The letter's idempotency key does not fit a header."
    assert vendor.requests == []


async def test_a_letter_that_is_no_unicode_is_refused(vendor: Vendor, make: Make) -> None:
    said = await refusal(make(vendor.url), replace(LETTER, text="\udcff"))
    assert said == "The letter cannot be written as UTF-8."
    assert vendor.requests == []


@pytest.mark.parametrize("name_of_sender", ["A\r\nBcc: x@example.net", "A\n", "A\x00"])
def test_a_senders_name_is_one_line(name_of_sender: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Sender(EmailAddress.parse("post@keypost.example"), name_of_sender)


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("Keypost", "Keypost <post@keypost.example>"),
        ("Keypost, Inc. <x>", '"Keypost, Inc. <x>" <post@keypost.example>'),
        ("Paštas", "Paštas <post@keypost.example>"),
        ("", "post@keypost.example"),
    ],
)
def test_a_senders_name_stays_a_name(shown: str, written: str) -> None:
    assert str(Sender(EmailAddress.parse("post@keypost.example"), shown)) == written


async def test_a_key_is_never_shown(make: Make) -> None:
    assert API_KEY not in repr(make("http://127.0.0.1:1"))


async def test_sendgrids_acceptance_does_not_wait_for_a_body(client: httpx.AsyncClient) -> None:
    stand_in = SendGrid()
    stand_in.mode = Mode.DRIPPING
    async with listening(stand_in):
        notifier = sendgrid(stand_in.url, client, sender=SENDER, deadline=2)
        await notifier.send(LETTER, idempotency_key=KEY)


async def test_sendgrids_sandbox_is_no_acceptance(client: httpx.AsyncClient) -> None:
    stand_in = SendGrid()
    stand_in.accepted = 200
    async with listening(stand_in):
        notifier = sendgrid(stand_in.url, client, sender=SENDER, deadline=5)
        assert await refusal(notifier) == "SendGrid answered 200."


@pytest.mark.parametrize("suffix", ["", "/", "/v3", "/v3/"])
async def test_mailguns_base_may_name_the_version(client: httpx.AsyncClient, suffix: str) -> None:
    async with listening(Mailgun()) as stand_in:
        url = stand_in.url + suffix
        await mailgun(url, client, sender=SENDER, deadline=5).send(LETTER, idempotency_key=KEY)
        assert len(stand_in.delivered) == 1


async def test_giving_up_is_passed_on(vendor: Vendor, make: Make) -> None:
    vendor.mode = Mode.HANGING
    sending = asyncio.create_task(make(vendor.url).send(LETTER, idempotency_key=KEY))
    while not vendor.requests:
        await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


@pytest.mark.skipif(not SPECS.is_dir(), reason="the vendors' descriptions are not here")
@pytest.mark.parametrize("stand_in", [Resend(), Unsend(), SendGrid()])
@pytest.mark.parametrize("wrong", [{}, {"to": 1, "from": 1}, {"to": "a", "from": "b", "x": 1}])
def test_a_stand_in_knows_its_vendors_description(
    stand_in: Resend | Unsend | SendGrid, wrong: dict[str, object]
) -> None:
    assert not stand_in.is_described({"subject": "Hi", **wrong})


@pytest.mark.skipif(not SPECS.is_dir(), reason="the vendors' descriptions are not here")
@pytest.mark.parametrize("stand_in", [Resend(), Unsend()])
def test_a_receipt_is_what_the_vendor_describes(stand_in: Resend | Unsend) -> None:
    assert stand_in.described_receipt()[stand_in.receipt]["type"] == "string"
