"""Letters over SMTP: what arrives, what protects the way, and every way in which it fails."""

import asyncio
import ssl
import sys
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.notifier_smtp import (
    PASSWORD,
    USER,
    Postbox,
    certificate,
    closed_port,
    saying,
    serving,
    taking_one_letter,
)
from keypost.address import EmailAddress
from keypost.errors import NotifierUnavailable
from keypost.letters import Letter
from keypost_adapters.notifier.sender import Sender
from keypost_adapters.notifier.smtp import SmtpNotifier
from keypost_adapters.notifier.smtp_server import Login, Protection, SmtpServer

LETTER = Letter(
    to=EmailAddress.parse("payer+tag@example.org"),
    subject="Payment link: ąčę & 100 %, and so long that a header has to be folded somewhere",
    text="Pay: https://pay.example/secret-1?a=1&b=2\n.\n.dots\nąčę ✓\n" + "x" * 2_000 + "\n",
    html='<a href="https://pay.example/secret-1?a=1&amp;b=2">Pay ✓</a>\n',
)
KEY = "0f" * 16
SENDER = Sender(EmailAddress.parse("post@keypost.example"), "Keypost, ąč")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LOGIN = Login(USER, PASSWORD)


def notifier(
    port: int, protection: Protection = Protection.NONE, **changes: object
) -> SmtpNotifier:
    login = changes.pop("login", None)
    assert login is None or isinstance(login, Login)
    server = SmtpServer(host="127.0.0.1", port=port, protection=protection, login=login)
    made = SmtpNotifier(server=server, sender=SENDER, clock=lambda: NOW, deadline=5)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with serving(Postbox()) as stand_in:
        yield stand_in


async def refusal(refusing: SmtpNotifier, letter: Letter = LETTER) -> str:
    """Return what went wrong, having looked that it gives nothing away."""
    with pytest.raises(NotifierUnavailable) as refused:
        await refusing.send(letter, idempotency_key=KEY)
    shown = "".join(traceback.format_exception(refused.value))
    for secret in (PASSWORD, USER, "payer", "secret-1", "gossip"):
        assert secret not in shown
    return str(refused.value)


async def test_the_whole_letter_arrives(postbox: Postbox) -> None:
    await notifier(postbox.port).send(LETTER, idempotency_key=KEY)
    [message] = postbox.messages
    assert dict(message.items()) == {
        "To": "payer+tag@example.org",
        "Subject": LETTER.subject,
        "From": '"Keypost, ąč" <post@keypost.example>',
        "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<{KEY}@keypost.example>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    plain, page = message.iter_parts()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().replace("\r\n", "\n") == LETTER.text
    assert page.get_content().replace("\r\n", "\n") == LETTER.html
    assert not message.defects


async def test_the_envelope_names_the_two_addresses_and_no_other(postbox: Postbox) -> None:
    await notifier(postbox.port).send(LETTER, idempotency_key=KEY)
    assert postbox.envelopes == [("post@keypost.example", ["payer+tag@example.org"])]


async def test_a_letter_needs_no_more_than_seven_bits(postbox: Postbox) -> None:
    await notifier(postbox.port).send(LETTER, idempotency_key=KEY)
    [message] = postbox.messages
    assert message.as_bytes().isascii()


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("status", [421, 450, 550])
async def test_every_refusal_is_unavailable_and_named(
    postbox: Postbox, command: str, status: int
) -> None:
    postbox.replies[command] = f"{status} gossip about payer@example.org"
    assert str(status) in await refusal(notifier(postbox.port))
    assert postbox.messages == []


async def test_starttls_protects_the_letter_and_the_login(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = tls
    postbox = Postbox()
    options = {"tls_context": server, "require_starttls": True, "authenticator": postbox.check}
    async with serving(postbox, {**options, "auth_required": True}):
        sending = notifier(postbox.port, Protection.STARTTLS, login=LOGIN, tls=trusting)
        await sending.send(LETTER, idempotency_key=KEY)
    assert (postbox.tls, postbox.logins) == ([True], [USER])


async def test_tls_from_the_first_byte_protects_the_letter(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = tls
    async with serving(Postbox(), tls=server) as postbox:
        sending = notifier(postbox.port, Protection.TLS, tls=trusting)
        await sending.send(LETTER, idempotency_key=KEY)
        assert len(postbox.messages) == 1


async def test_without_starttls_nothing_is_said(postbox: Postbox) -> None:
    said = await refusal(notifier(postbox.port, Protection.STARTTLS, login=LOGIN))
    assert said == "The SMTP server does not offer the STARTTLS or AUTH that is required."
    assert (postbox.messages, postbox.logins) == ([], [])


async def test_a_certificate_that_is_not_trusted_ends_it(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, _ = tls
    async with serving(Postbox(), tls=server) as postbox:
        said = await refusal(notifier(postbox.port, Protection.TLS))
        assert said == "The SMTP server's TLS could not be trusted."
    postbox = Postbox()
    async with serving(postbox, {"tls_context": server}):
        said = await refusal(notifier(postbox.port, Protection.STARTTLS, login=LOGIN))
        assert said == "The SMTP server's TLS could not be trusted."
        assert postbox.messages == []


async def test_a_wrong_password_is_told_by_its_status(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = tls
    postbox = Postbox()
    options = {"tls_context": server, "authenticator": postbox.check, "auth_required": True}
    async with serving(postbox, options):
        wrong = notifier(postbox.port, Protection.STARTTLS, login=Login("x", "y"), tls=trusting)
        assert await refusal(wrong) == "The SMTP server answered 535."


async def test_a_server_without_auth_gets_no_letter(postbox: Postbox) -> None:
    said = await refusal(notifier(postbox.port, login=LOGIN))
    assert said == "The SMTP server does not offer the STARTTLS or AUTH that is required."
    assert postbox.messages == []


async def test_a_server_that_is_not_there_could_not_be_reached() -> None:
    said = await refusal(notifier(closed_port()))
    assert said == "The SMTP server could not be reached, or hung up."


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"220 hi\r\n",),
        (b"nonsense\r\n",),
        (b"\xff\xfe\r\n",),
        (b"2" * 20_000,),
        (b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n"),
        (b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n"),
        (b"554 gossip\r\n",),
    ],
)
async def test_a_server_that_hangs_up_or_talks_nonsense_is_unavailable(
    lines: tuple[bytes, ...],
) -> None:
    async with saying(*lines, then_hang=False) as port:
        assert await refusal(notifier(port))


@pytest.mark.parametrize("said_before", range(5))
async def test_a_server_that_hangs_is_left_and_its_thread_ends(said_before: int) -> None:
    lines = (b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    started = time.monotonic()
    async with saying(*lines[:said_before], then_hang=True) as port:
        hanging = notifier(port, deadline=0.2)
        assert await refusal(hanging) == "The SMTP server did not answer in time."
        await nobody_hands_in()
    assert time.monotonic() - started < 3


async def test_a_letter_given_up_is_cut_off_at_once() -> None:
    async with saying(b"220 hi\r\n", then_hang=True) as port:
        sending = asyncio.create_task(notifier(port, deadline=60).send(LETTER, idempotency_key=KEY))
        while not _busy():
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await nobody_hands_in()


async def nobody_hands_in() -> None:
    """Wait until no thread is inside the notifier any more."""
    async with asyncio.timeout(3):
        while _busy():
            await asyncio.sleep(0.01)


def _busy() -> bool:
    frames = sys._current_frames().values()  # noqa: SLF001 - there is no other way to look
    return any("in _hand_in\n" in "".join(traceback.format_stack(frame)) for frame in frames)


async def test_an_accepted_letter_does_not_wait_for_goodbye() -> None:
    async with taking_one_letter() as (port, heard):
        await notifier(port).send(LETTER, idempotency_key=KEY)
        await asyncio.wait_for(heard.wait(), 5)


@pytest.mark.parametrize("subject", ["Hi\r\nBcc: x@example.net", "Hi\n", "Hi\0"])
async def test_a_subject_cannot_start_another_header(postbox: Postbox, subject: str) -> None:
    said = await refusal(notifier(postbox.port), replace(LETTER, subject=subject))
    assert said == "The letter's subject is not one line of text."


@pytest.mark.parametrize(
    ("url", "host", "port", "protection", "login"),
    [
        ("smtp://mail.example", "mail.example", 587, Protection.STARTTLS, None),
        ("smtp://mail.example:25/", "mail.example", 25, Protection.STARTTLS, None),
        ("smtps://mail.example", "mail.example", 465, Protection.TLS, None),
        ("smtps://127.0.0.1:1", "127.0.0.1", 1, Protection.TLS, None),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Protection.NONE, None),
        ("smtp://localhost", "localhost", 587, Protection.NONE, None),
        ("smtp://[::1]:25", "::1", 25, Protection.NONE, None),
        ("smtp://[2001:db8::1]", "2001:db8::1", 587, Protection.STARTTLS, None),
        ("smtp://127.0.0.1.example", "127.0.0.1.example", 587, Protection.STARTTLS, None),
        ("smtp://a:b@mail.example", "mail.example", 587, Protection.STARTTLS, Login("a", "b")),
        (
            "smtps://a%40b.example:p%3A%25%20@m.example:2",
            "m.example",
            2,
            Protection.TLS,
            Login("a@b.example", "p:% "),
        ),
    ],
)
def test_a_url_says_where_and_how(
    url: str, host: str, port: int, protection: Protection, login: Login | None
) -> None:
    assert SmtpServer.parse(url) == SmtpServer(
        host=host, port=port, protection=protection, login=login
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "smtp://",
        "SMTP://hunter2",
        "http://hunter2",
        "smtp:hunter2",
        "smtp://hunter2@mail.example",
        "smtp://u:@mail.example",
        "smtp://:hunter2@mail.example",
        "smtp://u:hunter2@",
        "smtp://u:hunter2#@mail.example",
        "smtp://u:hunter2@x@mail.example",
        "smtp://u:hunter2:x@mail.example",
        "smtp://u:hunter2%0A@mail.example",
        "smtp://u:hunter2%0d%0a@mail.example",
        "smtp://u:hunter2%C4%85@mail.example",
        "smtp://u:hunter2%@mail.example",
        "smtp://u:hunter2\n@mail.example",
        "smtp://u:hunter2@mail.example\n",
        "smtp://u:hunter2@mail.example:0",
        "smtp://u:hunter2@mail.example:65536",
        "smtp://u:hunter2@mail.example:٣",
        "smtp://u:hunter2@mail.example/path",
        "smtp://u:hunter2@mail.example?x=1",
        "smtp://u:hunter2@mail_example",
        "smtp://u:hunter2@[::1",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP server") as refused:
        SmtpServer.parse(url)
    assert "hunter2" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@given(user=WORDS, password=WORDS)
def test_every_printable_password_can_be_said(user: str, password: str) -> None:
    url = f"smtps://{quote(user, safe='')}:{quote(password, safe='')}@mail.example"
    assert SmtpServer.parse(url).login == Login(user, password)


@given(st.text())
def test_a_url_is_read_or_a_value_error(url: str) -> None:
    for text in (url, f"smtp://{url}", f"smtps://u:{url}@mail.example"):
        try:
            SmtpServer.parse(text)
        except ValueError as error:
            assert str(error).startswith(("The SMTP server", "Only an SMTP server"))  # noqa: PT017


def test_a_password_is_never_shown() -> None:
    server = SmtpServer.parse("smtps://u:hunter2@mail.example")
    made = SmtpNotifier(server=server, sender=SENDER, clock=lambda: NOW)
    assert "hunter2" not in repr(made)


def test_the_way_to_another_host_cannot_be_unprotected() -> None:
    with pytest.raises(ValueError, match="without TLS"):
        SmtpServer(host="mail.example", port=25, protection=Protection.NONE)
