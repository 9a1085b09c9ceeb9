"""What a sender is told, word by word."""

from datetime import timedelta
from pathlib import Path

import pytest

from fakes.directory import MemoryDirectory
from keypost_adapters.receive.stack import ReceiveStack
from mail.conftest import MovableClock
from mail.wire import connected, dialogue, send

LETTER = b"Subject: hello\r\n\r\nA letter.\r\n"


async def rcpt(
    stack: ReceiveStack, recipient: str, *, mail: str = "MAIL FROM:<a@away.test>"
) -> str:
    *_, answer = await dialogue(stack, mail, f"RCPT TO:{recipient}")
    return answer


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("mbx_open@mail.local", "250 2.1.5"),
        ("MBX_Open@MAIL.Local", "250 2.1.5"),
        ("mbx_open+shopping@mail.local", "250 2.1.5"),
        ("mbx_open+a+b@mail.local", "250 2.1.5"),
        ("mbx_nobody@mail.local", "550 5.1.1"),
        ("+mbx_open@mail.local", "550 5.1.1"),
        ("postmaster@mail.local", "550 5.1.1"),
        ("postmaster", "550 5.1.1"),
        ("someone@elsewhere.test", "554 5.7.1"),
        ("mbx_grace@mail.local", "450 4.2.1"),
        ("mbx_grace+tag@mail.local", "450 4.2.1"),
        ("mbx_closed@mail.local", "550 5.2.1"),
        ("mbx_full@mail.local", "452 4.2.2"),
    ],
)
async def test_every_kind_of_recipient_has_its_answer(
    stack: ReceiveStack, recipient: str, code: str
) -> None:
    assert (await rcpt(stack, f"<{recipient}>")).startswith(code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("<victim%elsewhere.test@mail.local>", "550 5.1.1"),
        ("<elsewhere.test!victim@mail.local>", "550 5.1.1"),
        ('<"victim@elsewhere.test"@mail.local>', "550 5.1.1"),
        ('<"mbx_open"@mail.local>', "550 5.1.1"),
        ("<@mail.local:victim@elsewhere.test>", "554 5.7.1"),
        ("<@elsewhere.test,@mail.local:mbx_open@mail.local>", "554 5.7.1"),
        ("<@mail.local:mbx_open@mail.local>", "554 5.7.1"),
        ("<victim@[192.0.2.1]>", "554 5.7.1"),
        ("<mbx_open@[127.0.0.1]>", "554 5.7.1"),
        ("<mbx_open@mail.local@elsewhere.test>", "553 5.1.3"),
        ("<victim@>", "553 5.1.3"),
        ("<victim>", "553 5.1.3"),
        ("<mbx_open>", "553 5.1.3"),
        ("<@mail.local>", "553 5.1.3"),
        ("<mbx_open@mail.local.>", "553 5.1.3"),
        ("<mbx_open @mail.local>", "553 5.1.3"),
        ("<(comment)mbx_open@mail.local>", "553 5.1.3"),
        ("<>", "553 5.1.3"),
        ("mbx_open@mail.local", "553 5.1.3"),
        ("<mbx_open@mail.local", "553 5.1.3"),
        (f"<{'a' * 300}@mail.local>", "553 5.1.3"),
    ],
)
async def test_no_disguise_of_a_path_relays(stack: ReceiveStack, path: str, code: str) -> None:
    assert (await rcpt(stack, path)).startswith(code)


async def test_relay_is_refused_in_postfixs_words(stack: ReceiveStack) -> None:
    assert await rcpt(stack, "<a@elsewhere.test>") == "554 5.7.1 Relay access denied"


async def test_a_failing_look_up_asks_the_sender_to_come_again(
    stack: ReceiveStack, directory: MemoryDirectory
) -> None:
    directory.is_broken = True
    assert (await rcpt(stack, "<mbx_open@mail.local>")).startswith("451 4.3.0")


async def test_a_declared_size_that_does_not_fit_is_refused_for_good(stack: ReceiveStack) -> None:
    answer = await rcpt(stack, "<mbx_small@mail.local>", mail="MAIL FROM:<> SIZE=4001")
    assert answer.startswith("552 5.2.2")


async def test_a_declared_size_that_fits_is_taken(stack: ReceiveStack) -> None:
    answer = await rcpt(stack, "<mbx_small@mail.local>", mail="MAIL FROM:<> SIZE=4000")
    assert answer.startswith("250")


async def test_data_that_does_not_fit_is_refused_after_all(stack: ReceiveStack) -> None:
    answer = await send(stack, b"x: " + b"y" * 4000 + b"\r\n", "mbx_small@mail.local")
    assert answer.startswith("452 4.2.2")


async def test_a_mailbox_fills_up_to_its_quota_and_not_further(stack: ReceiveStack) -> None:
    letter = b"x: " + b"y" * 1500 + b"\r\n"
    answers = [await send(stack, letter, "mbx_small@mail.local") for _ in range(3)]
    assert [answer[:3] for answer in answers] == ["250", "250", "452"]


async def test_a_full_mailbox_stops_a_letter_to_several(stack: ReceiveStack, inbox: Path) -> None:
    letter = b"x: " + b"y" * 4000 + b"\r\n"
    answer = await send(stack, letter, "mbx_open@mail.local", "mbx_small@mail.local")
    assert answer.startswith("452 4.2.2")
    assert not list(inbox.glob("*/*"))


async def test_a_message_that_is_too_big_is_refused_at_mail(stack: ReceiveStack) -> None:
    (answer,) = await dialogue(stack, "MAIL FROM:<a@away.test> SIZE=200001")
    assert answer.startswith("552 5.3.4")


async def test_a_message_that_is_too_big_is_refused_after_data(stack: ReceiveStack) -> None:
    answer = await send(stack, b"x" * 60_000 + (b"\r\n" + b"x" * 60_000) * 3 + b"\r\n")
    assert answer.startswith("552 5.3.4")


async def test_a_mailbox_that_expires_during_data_is_asked_again(
    stack: ReceiveStack, clock: MovableClock
) -> None:
    async with connected(stack.smtp_port) as wire:
        for command in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
            await wire.ask(command)
        clock.now += timedelta(days=31)
        await wire.send(LETTER + b".\r\n")
        assert (await wire.reply()).startswith("450 4.2.1")


async def test_only_what_holds_is_announced(stack: ReceiveStack) -> None:
    async with connected(stack.smtp_port) as wire:
        await wire.send(b"EHLO client.test\r\n")
        lines = [await wire.line() for _ in range(6)]
    assert [line[4:] for line in lines[1:]] == [
        "SIZE 200000",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
        "PIPELINING",
        "HELP",
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("VRFY mbx_open@mail.local", "252 2.5.0"),
        ("EXPN list", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("RCPT TO:<mbx_open@mail.local>", "503 5.5.1"),
        ("MAIL FROM:<a@away.test> SMTPUTF8", "501 5.5.4"),
        ("MAIL FROM:<a@away.test> FOO=1", "555 5.5.4"),
        ("NONSENSE", "500 5.5.2"),
        ("NOOP", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("QUIT", "221 2.0.0"),
    ],
)
async def test_every_other_reply_has_an_enhanced_code(
    stack: ReceiveStack, command: str, code: str
) -> None:
    assert (await dialogue(stack, command))[0].startswith(code)


async def test_commands_may_come_in_one_go(stack: ReceiveStack) -> None:
    async with connected(stack.smtp_port) as wire:
        await wire.ask("EHLO client.test")
        await wire.send(b"MAIL FROM:<>\r\nRCPT TO:<mbx_open@mail.local>\r\nDATA\r\n")
        assert [(await wire.reply())[:3] for _ in range(3)] == ["250", "250", "354"]
        await wire.send(LETTER + b".\r\nQUIT\r\n")
        assert [(await wire.reply())[:3] for _ in range(2)] == ["250", "221"]


async def test_several_letters_pass_one_connection(stack: ReceiveStack, inbox: Path) -> None:
    async with connected(stack.smtp_port) as wire:
        await wire.ask("EHLO client.test")
        for _ in range(3):
            for command in ("MAIL FROM:<>", "RCPT TO:<mbx_open@mail.local>", "DATA"):
                await wire.ask(command)
            await wire.send(LETTER + b".\r\n")
            assert (await wire.reply()).startswith("250 2.0.0")
    assert len(list(inbox.glob("new/*"))) == 3
