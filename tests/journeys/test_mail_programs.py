"""Mail programs of others against the whole running server."""

import imaplib
import json
import smtplib
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bench.agent import Agent
from bench.server import Server

from programs import require


@pytest.fixture
async def access(server: Server) -> AsyncIterator[dict[str, Any]]:
    agent = Agent(server.ports.http)
    await agent.connect()
    await agent.get((await agent.claim())["payment_url"].removeprefix(server.url))
    yield await agent.resolve(await agent.challenge())
    agent.close()


def test_swaks_delivers_and_mbsync_takes_it_home(
    server: Server, access: dict[str, Any], tmp_path: Path
) -> None:
    run = subprocess.run(
        [
            require("swaks"), "--silent", "2", "--server", f"127.0.0.1:{server.ports.smtp}",
            "--from", "shop@example.org", "--to", access["email"].replace("@", "+orders@"),
            "--header", "Subject: your order", "--body", "order 4711",
        ],
        capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr

    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "mbsyncrc").write_text(
        f"""
IMAPAccount keypost
Host 127.0.0.1
Port {server.ports.imap}
User {access["username"]}
Pass {access["password"]}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account keypost

MaildirStore near
Inbox {home}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Create Near
SyncState {home}/state
""".lstrip()
    )
    synced = subprocess.run(
        [require("mbsync"), "-c", str(tmp_path / "mbsyncrc"), "all"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert synced.returncode == 0, synced.stderr
    [mail] = (home / "INBOX" / "new").iterdir()
    assert b"order 4711" in mail.read_bytes()


def test_http_imap_and_the_raw_message_show_the_same_bytes(
    server: Server, access: dict[str, Any]
) -> None:
    sent = b"Subject: bytes\r\n\r\n\x00\xff lone \x80\r\n.\r\n..\r\n" + b"x" * 900 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", server.ports.smtp) as smtp:
        smtp.sendmail("", access["email"], sent)

    with imaplib.IMAP4("127.0.0.1", server.ports.imap) as imap:
        imap.login(access["email"], access["password"])
        imap.select("INBOX", readonly=True)
        _, [(_, over_imap), _] = imap.uid("FETCH", "1", "(BODY.PEEK[])")
    request = urllib.request.Request(
        f"{server.url}/v1/messages/1/raw",
        headers={"Authorization": f"Bearer {access['access_token']}"},
    )
    with urllib.request.urlopen(request) as reply:
        over_http = reply.read()

    assert over_http == over_imap
    assert over_http.endswith(sent)


def test_strangers_get_nothing(server: Server, access: dict[str, Any]) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as unknown:
        _send(server, "mbx_nobody@mail.local")
    assert unknown.value.recipients["mbx_nobody@mail.local"][:1] == (550,)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as relay:
        _send(server, "somebody@example.org")
    assert relay.value.recipients["somebody@example.org"][:1] == (554,)
    with imaplib.IMAP4("127.0.0.1", server.ports.imap) as imap, pytest.raises(imaplib.IMAP4.error):
        imap.login(access["username"], "a guess")


def _send(server: Server, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports.smtp) as smtp:
        smtp.sendmail("a@example.org", recipient, "Subject: x\r\n\r\n")


def test_the_service_is_healthy_and_ready(server: Server) -> None:
    with urllib.request.urlopen(f"{server.url}/healthz") as reply:
        assert json.load(reply) == {"status": "ok"}
    with urllib.request.urlopen(f"{server.url}/readyz") as reply:
        assert "ok" in json.load(reply).values()
