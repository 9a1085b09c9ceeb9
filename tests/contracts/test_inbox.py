"""What every InboxReader promises."""

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from contracts.inbox_stages import InboxStage, imap_stage, memory_stage
from daemons.dovecot import Dovecot, dovecot_running
from keypost.errors import InboxUnavailable, MessageNotFound
from keypost.message import Message
from programs import require


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with dovecot_running(require("dovecot")) as server:
        yield server


@pytest.fixture(params=["memory", "imap"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[InboxStage]:
    if request.param == "memory":
        async with memory_stage() as staged:
            yield staged
    else:
        server: Dovecot = request.getfixturevalue("dovecot")
        async with imap_stage(server) as staged:
            yield staged
        if not server.running:
            server.start()


async def everything(stage: InboxStage) -> Sequence[Message]:
    return await stage.reader.messages(stage.login, unread_only=False, limit=100, include_body=True)


def letter(subject: str, body: str = "hello") -> bytes:
    return f"From: ann@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


async def test_an_empty_inbox_has_no_messages(stage: InboxStage) -> None:
    assert list(await everything(stage)) == []


async def test_the_newest_message_comes_first(stage: InboxStage) -> None:
    for subject in ("one", "two", "three"):
        stage.deliver(letter(subject))
    messages = await everything(stage)
    assert [message.subject for message in messages] == ["three", "two", "one"]
    assert [message.uid for message in messages] == sorted(
        (message.uid for message in messages), reverse=True
    )


async def test_a_limit_keeps_the_newest(stage: InboxStage) -> None:
    for subject in ("one", "two", "three"):
        stage.deliver(letter(subject))
    messages = await stage.reader.messages(
        stage.login, unread_only=False, limit=2, include_body=False
    )
    assert [message.subject for message in messages] == ["three", "two"]


async def test_unread_only_leaves_out_what_was_read(stage: InboxStage) -> None:
    stage.deliver(letter("read"), seen=True)
    stage.deliver(letter("unread"))
    stage.deliver(letter("also read"), seen=True)
    messages = await stage.reader.messages(
        stage.login, unread_only=True, limit=20, include_body=False
    )
    assert [message.subject for message in messages] == ["unread"]


async def test_reading_leaves_every_message_unread(stage: InboxStage) -> None:
    stage.deliver(letter("hello"))
    [message] = await everything(stage)
    await stage.reader.message(stage.login, message.uid, include_body=True)
    await stage.reader.raw(stage.login, message.uid)
    assert not stage.seen(message.uid)


async def test_a_body_is_given_only_where_it_was_asked_for(stage: InboxStage) -> None:
    stage.deliver(letter("hello", body="the text"))
    [bare] = await stage.reader.messages(
        stage.login, unread_only=False, limit=1, include_body=False
    )
    [full] = await everything(stage)
    assert bare.body is None
    assert full.body == "the text"
    assert await stage.reader.message(stage.login, full.uid, include_body=True) == full
    assert await stage.reader.message(stage.login, full.uid, include_body=False) == bare


async def test_raw_is_the_message_byte_for_byte(stage: InboxStage) -> None:
    raw = letter("bytes", body="\r\n trailing \t \r\n.\r\n\r\n")
    stage.deliver(raw)
    [message] = await everything(stage)
    assert await stage.reader.raw(stage.login, message.uid) == raw


async def test_what_arrives_later_is_seen_and_changes_no_uid(stage: InboxStage) -> None:
    stage.deliver(letter("first"))
    [first] = await everything(stage)
    stage.deliver(letter("second"))
    second, again = await everything(stage)
    assert again == first
    assert await stage.reader.message(stage.login, second.uid, include_body=True) == second


@pytest.mark.parametrize("uid", [-1, 0, 77, 2**32, 10**30])
async def test_an_unknown_uid_is_not_found(stage: InboxStage, uid: int) -> None:
    stage.deliver(letter("hello"))
    with pytest.raises(MessageNotFound):
        await stage.reader.message(stage.login, uid, include_body=True)
    with pytest.raises(MessageNotFound):
        await stage.reader.raw(stage.login, uid)


async def test_a_store_that_is_down_is_unavailable(stage: InboxStage) -> None:
    stage.deliver(letter("hello"))
    await everything(stage)
    stage.go_down()
    with pytest.raises(InboxUnavailable):
        await everything(stage)
    with pytest.raises(InboxUnavailable):
        await stage.reader.raw(stage.login, 1)
