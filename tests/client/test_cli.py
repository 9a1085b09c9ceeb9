"""The command, against a server on loopback."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from client.post_office import MAIL, PostOffice, busy, problem
from keypost_client.cli import run

Command = Callable[..., int]
CLAIM = ("claim", "--billing-email", "owner@example.org")
LETTER: dict[str, object] = {
    "uid": 7,
    "from": "Eve \x1b[31m<eve@x.example>",
    "to": "mbx_a1@mail.local",
    "subject": "[bold]Hi[/bold]\u202e",
    "date": "2026-11-21T10:00:00Z",
    "body": "Hello\r\n\x1b[2J[red]text[/red]",
}


@pytest.fixture
def url(office: PostOffice) -> Iterator[str]:
    with office.on_loopback() as url:
        yield url


@pytest.fixture
def keypost(home: Path, url: str) -> Command:
    assert home.exists()
    return lambda *words: run([*words, "--url", url])


@pytest.fixture
def claimed(keypost: Command, capfd: pytest.CaptureFixture[str]) -> Command:
    keypost(*CLAIM)
    capfd.readouterr()
    return keypost


def document(capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capfd.readouterr().out)
    return found


def test_a_claim_makes_a_key_and_says_where(
    keypost: Command, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert keypost(*CLAIM) == 0
    shown = capfd.readouterr()
    assert f"made a new key in {home}/.config/keypost/id_ed25519" in shown.err
    assert "address: mbx_a1@mail.local" in shown.out


def test_an_unpaid_claim_exits_with_three_and_the_link(
    keypost: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.paid = False
    assert keypost(*CLAIM) == 3
    shown = capfd.readouterr()
    assert "payment link: https://pay.example/cs_1" in shown.out
    assert "kept for you" in shown.err


def test_access_without_payment_exits_with_three_and_the_link(
    claimed: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.paid = False
    assert claimed("access") == 3
    assert "Pay here: https://pay.example/cs_1" in capfd.readouterr().err
    assert claimed("access", "--json") == 3
    assert document(capfd)["payment_url"] == "https://pay.example/cs_1"


def test_json_is_one_document_and_nothing_else(
    keypost: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.messages = [LETTER]
    for words in (CLAIM, ("access",), ("messages",), ("read", "7"), ("raw", "7"), ("key",)):
        assert keypost("--json", *words) == 0
        assert isinstance(document(capfd), dict)


def test_access_hides_nothing_that_an_agent_needs(
    claimed: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert claimed("access") == 0
    assert "password: imap-secret\n" in capfd.readouterr().out


def test_json_keeps_a_strangers_text_and_disarms_it(
    claimed: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.messages = [LETTER]
    claimed("read", "7", "--json")
    shown = capfd.readouterr().out
    assert shown.isascii()
    assert "\x1b" not in shown
    assert json.loads(shown) == LETTER


def test_plain_text_is_disarmed(
    claimed: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.messages = [LETTER]
    claimed("messages", "--all", "--limit", "5", "--bodies")
    claimed("read", "7")
    shown = capfd.readouterr().out
    assert "7\t2026-11-21T10:00:00Z\tEve [31m<eve@x.example>\t[bold]Hi[/bold]\n    Hello\n" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_the_listing_options_reach_the_server(claimed: Command, office: PostOffice) -> None:
    claimed("messages", "--all", "--limit", "5", "--bodies")
    asked = office.seen[-1][1]
    assert (asked["unread_only"], asked["limit"], asked["include_body"]) == (False, 5, True)


def test_raw_is_byte_for_byte(keypost: Command, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    keypost(*CLAIM)
    capfdbinary.readouterr()
    assert keypost("raw", "7") == 0
    assert capfdbinary.readouterr().out == MAIL


def test_without_a_key_reading_makes_none(
    keypost: Command, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert keypost("messages") == 4
    assert "keypost claim" in capfd.readouterr().err
    assert not (home / ".config").exists()


def test_a_missing_message_exits_with_four(claimed: Command) -> None:
    assert claimed("read", "9") == 4


def test_a_refused_proof_exits_with_five(claimed: Command, office: PostOffice) -> None:
    office.script_at = "/v1/access"
    office.scripted = [problem(401, code="challenge_expired")]
    assert claimed("access") == 5


def test_a_key_that_cannot_be_read_exits_with_five(keypost: Command) -> None:
    assert keypost("access", "--key", "/nowhere") == 5


def test_a_busy_server_exits_with_six(claimed: Command, office: PostOffice) -> None:
    office.scripted = [busy(100)]
    assert claimed("access") == 6


@pytest.mark.usefixtures("claimed")
def test_a_server_out_of_reach_exits_with_six(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["access", "--json", "--url", "http://127.0.0.1:9"]) == 6
    assert document(capfd)["code"] == "unreachable"


def test_anything_else_exits_with_one(claimed: Command, office: PostOffice) -> None:
    office.scripted = [problem(500, code="internal")]
    assert claimed("access") == 1


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "words",
    [["bogus"], ["claim"], ["read"], ["read", "x"], ["read", "0"], ["messages", "--limit", "500"]],
)
def test_wrong_usage_exits_with_two(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert capfd.readouterr().out == ""
    assert run([*words, "--json"]) == 2
    assert document(capfd)["code"] == "usage"


@pytest.mark.usefixtures("claimed")
def test_an_unusable_url_is_wrong_usage() -> None:
    assert run(["access", "--url", "gopher://x"]) == 2


def test_help_teaches_the_exit_codes(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capfd.readouterr().out
    assert "keypost claim --billing-email owner@example.org" in shown
    assert "3    waiting for payment" in shown


def test_help_loads_neither_httpx_nor_cryptography() -> None:
    script = (
        "import sys; from keypost_client.cli import run; run(['--help'])\n"
        "sys.exit(bool({'httpx', 'cryptography'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.usefixtures("claimed")
def test_nobody_listening_is_no_traceback(url: str) -> None:
    command = [sys.executable, "-m", "keypost_client", "access", "--url", url]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.usefixtures("claimed")
def test_an_interrupt_is_no_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "keypost_client", "access", "--url", url]
        with subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            # A shell's background jobs ignore SIGINT, and their children inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as started:
            connection, _ = silent.accept()
            started.send_signal(signal.SIGINT)
            _, complaint = started.communicate(timeout=30)
            connection.close()
    assert (started.returncode, complaint) == (130, b"")


def test_a_busy_server_is_waited_for_aloud(
    claimed: Command, office: PostOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.scripted = [busy(0)]
    assert claimed("access") == 0
    assert "trying again in 0 s" in capfd.readouterr().err


@pytest.mark.usefixtures("claimed")
def test_on_a_terminal_it_is_a_table_without_a_strangers_commands(
    office: PostOffice, url: str
) -> None:
    office.messages = [LETTER]
    code, shown = on_a_terminal("read", "7", "--url", url)
    assert code == 0
    assert "[bold]Hi[/bold]" in shown
    assert "[red]text[/red]" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b[31m<eve" not in shown


@pytest.mark.usefixtures("claimed")
def test_on_a_terminal_raw_mail_is_not_shown(url: str) -> None:
    code, shown = on_a_terminal("raw", "7", "--url", url)
    assert code == 2
    assert "keypost raw 7 > 7.eml" in shown


def on_a_terminal(*words: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "keypost_client", *words]
    ended = subprocess.run(command, check=False, stdout=theirs, stderr=theirs, timeout=30)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says EIO at the end of a closed terminal
        pass
    os.close(ours)
    return ended.returncode, shown.decode()
