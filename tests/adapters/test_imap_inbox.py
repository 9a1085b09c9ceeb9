"""ImapInbox over a real Dovecot."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.inbox_stages import ImapStage, a_login, imap_stage
from daemons.dovecot import Dovecot, dovecot_running
from keypost.errors import InboxUnavailable, MessageNotFound
from keypost_adapters.inbox.imap import ImapInbox
from keypost_adapters.inbox.imap_connection import Tls
from keypost_adapters.inbox.readable.message import MESSAGE_BYTES
from programs import require

LETTER = b"From: ann@example.org\r\nSubject: hello\r\n\r\nthe text\r\n"


def own_certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keypost test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return own_certificate()


@pytest.fixture(scope="module")
def dovecot(certificate: bytes) -> Iterator[Dovecot]:
    with dovecot_running(require("dovecot"), certificate=certificate) as server:
        yield server


@pytest.fixture
async def stage(dovecot: Dovecot) -> AsyncIterator[ImapStage]:
    async with imap_stage(dovecot) as staged:
        yield staged


async def subjects(stage: ImapStage) -> list[str]:
    messages = await stage.reader.messages(
        stage.login, unread_only=False, limit=100, include_body=False
    )
    return [message.subject for message in messages]


async def test_a_restarted_server_is_not_noticed(stage: ImapStage) -> None:
    stage.deliver(LETTER)
    assert await subjects(stage) == ["hello"]
    stage.server.stop()
    stage.server.start()
    assert await subjects(stage) == ["hello"]


async def test_an_old_password_opens_nothing_after_a_change(stage: ImapStage) -> None:
    stage.deliver(LETTER)
    assert await subjects(stage) == ["hello"]
    newer = replace(stage, login=replace(stage.login, password="another"))
    stage.server.put_user(newer.login.username, newer.login.password)
    assert await asyncio.wait_for(when_let_in(newer), timeout=5) == ["hello"]
    with pytest.raises(InboxUnavailable, match="refused the mailbox's login"):
        await subjects(stage)


async def when_let_in(stage: ImapStage) -> list[str]:
    while True:
        try:
            return await subjects(stage)
        except InboxUnavailable:
            await asyncio.sleep(0.05)


async def test_calls_for_one_mailbox_take_turns(stage: ImapStage) -> None:
    stage.deliver(LETTER)
    answers = await asyncio.gather(*(subjects(stage) for _ in range(20)))
    assert answers == [["hello"]] * 20


async def test_many_mailboxes_are_read_at_once(dovecot: Dovecot) -> None:
    inbox = ImapInbox(host="127.0.0.1", port=dovecot.port, tls="none", max_kept=3)
    logins = [a_login() for _ in range(12)]
    for login in logins:
        dovecot.put_user(login.username, login.password)
        dovecot.deliver(login.username, LETTER)
    for _ in range(2):
        bodies = await asyncio.gather(*(inbox.raw(login, 1) for login in logins))
        assert bodies == [LETTER] * 12
    await inbox.close()


async def test_a_message_that_vanishes_is_left_out(stage: ImapStage) -> None:
    stage.deliver(LETTER)
    file = stage.server.deliver(stage.login.username, LETTER.replace(b"hello", b"gone"))
    newest, older = await stage.reader.messages(
        stage.login, unread_only=True, limit=20, include_body=False
    )
    file.unlink()
    assert await subjects(stage) == ["hello"]
    with pytest.raises(MessageNotFound):
        await stage.reader.raw(stage.login, newest.uid)
    assert await stage.reader.raw(stage.login, older.uid) == LETTER


async def test_a_long_message_is_cut_for_reading_and_whole_as_raw(stage: ImapStage) -> None:
    raw = (
        LETTER + b"a long line of text, seventy characters long or so, again and again\r\n" * 20_000
    )
    assert len(raw) > MESSAGE_BYTES
    stage.deliver(raw)
    message = await stage.reader.message(stage.login, 1, include_body=True)
    assert "message_truncated" in message.defects
    assert message.body is not None
    assert message.body.startswith("the text\na long line")
    assert await stage.reader.raw(stage.login, 1) == raw


async def test_bytes_that_are_no_text_come_back_as_they_are(stage: ImapStage) -> None:
    octets = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
    raw = b"Subject: " + octets + b"\r\n\r\n" + octets + b"\r\n"
    stage.deliver(raw)
    assert await stage.reader.raw(stage.login, 1) == raw


async def test_only_unread_messages_count_against_the_limit(stage: ImapStage) -> None:
    for _ in range(30):
        stage.deliver(LETTER.replace(b"hello", b"unread"))
    for _ in range(300):
        stage.deliver(LETTER, seen=True)
    messages = await stage.reader.messages(
        stage.login, unread_only=True, limit=20, include_body=False
    )
    assert [message.subject for message in messages] == ["unread"] * 20
    assert [message.uid for message in messages] == list(range(30, 10, -1))


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_tls_is_spoken_with_a_trusted_server(
    dovecot: Dovecot, certificate: bytes, tls: Tls
) -> None:
    trust = ssl.create_default_context(cadata=certificate.split(b"-----BEGIN PRIVATE")[0].decode())
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    inbox = ImapInbox(host="127.0.0.1", port=port, tls=tls, tls_context=trust)
    login = a_login()
    dovecot.put_user(login.username, login.password)
    dovecot.deliver(login.username, LETTER)
    assert await inbox.raw(login, 1) == LETTER
    await inbox.close()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_stranger_s_certificate_is_refused(dovecot: Dovecot, tls: Tls) -> None:
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    inbox = ImapInbox(host="127.0.0.1", port=port, tls=tls)
    with pytest.raises(InboxUnavailable):
        await inbox.raw(a_login(), 1)
    await inbox.close()


async def test_a_closed_inbox_answers_no_more(stage: ImapStage) -> None:
    stage.deliver(LETTER)
    assert await subjects(stage) == ["hello"]
    await stage.reader.close()
    with pytest.raises(InboxUnavailable):
        await subjects(stage)
