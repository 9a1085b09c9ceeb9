"""The ``keypost`` command against the real server."""

import json
import os
import smtplib
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from bench.server import Server

MAIL = b"From: A <a@example.org>\r\nSubject: caf\xc3\xa9\r\n\r\nfirst\r\n..second \xff\r\n"


class Shell:
    """Runs ``keypost`` in a home of its own."""

    def __init__(self, url: str, home: Path) -> None:
        home.mkdir()
        self._environment = {
            name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"
        } | {"HOME": str(home), "KEYPOST_URL": url}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "keypost_client", *arguments],
            env=self._environment,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str, exit_code: int = 0) -> Any:  # noqa: ANN401
        done = self.run(*arguments, "--json")
        assert done.returncode == exit_code, done
        return json.loads(done.stdout)


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    return Shell(server.url, tmp_path / "home")


def test_an_agent_goes_from_no_key_to_its_mail(server: Server, shell: Shell) -> None:
    claimed = shell.json("claim", "--billing-email", "owner@example.org", exit_code=3)
    assert claimed["status"] == "pending_payment"
    assert shell.json("messages", exit_code=3)["payment_url"] == claimed["payment_url"]

    with urllib.request.urlopen(claimed["payment_url"]) as reply:
        assert json.load(reply) == {"status": "paid"}
    assert shell.json("claim", "--billing-email", "owner@example.org")["usable"] is True

    access = shell.json("access")
    assert access["port"] == server.ports.imap
    with smtplib.SMTP("127.0.0.1", server.ports.smtp) as smtp:
        smtp.sendmail("a@example.org", access["email"], MAIL)

    [listed] = shell.json("messages")["messages"]
    assert (listed["from"], listed["subject"]) == ("A <a@example.org>", "café")
    read = shell.json("read", str(listed["uid"]))
    assert read["body"].startswith("first\n..second ")
    raw = shell.run("raw", str(listed["uid"])).stdout
    assert raw.endswith(MAIL)
    assert shell.json("messages")["messages"] == [listed], "reading marks nothing as read"


def test_exit_codes_tell_what_happened(server: Server, shell: Shell) -> None:
    assert shell.run("access").returncode == 4, "there is no key yet"
    assert shell.run("claim").returncode == 2, "the billing address is missing"
    shell.run("claim", "--billing-email", "owner@example.org")
    wrong = shell.json("claim", "--billing-email", "not an address", exit_code=1)
    assert wrong["code"] == "address_malformed"
    assert wrong["fix"]
    assert shell.run("access").returncode == 3
    server.kill()
    assert shell.run("access").returncode == 6


def test_renewing_adds_to_what_is_left(shell: Shell) -> None:
    def pay(mailbox: dict[str, str]) -> None:
        with urllib.request.urlopen(mailbox["payment_url"]) as reply:
            reply.read()

    owner = ("--billing-email", "owner@example.org")
    pay(shell.json("claim", *owner, exit_code=3))
    first = shell.json("claim", *owner)
    renewal = shell.json("renew", *owner)
    assert renewal["usable"] is True
    assert renewal["payment_url"]
    pay(renewal)
    second = shell.json("claim", *owner)
    assert second["id"] == first["id"]
    assert second["expires_at"] > first["expires_at"]
