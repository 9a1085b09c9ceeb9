"""``keypostd serve``: the HTTP service by itself, as a supervisor runs it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from bench.agent import Agent
from bench.server import Ports

SECRETS = {"EDPROOF_HMAC_SECRET": "not a secret " * 3, "CREDENTIAL_SECRET": "nor is this one " * 3}


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], Ports]]:
    """Run ``keypostd serve`` in a folder of its own until the caller is done."""
    ports = Ports.free()
    variables = SECRETS | {
        "HTTP_ADDR": f"127.0.0.1:{ports.http}",
        "PUBLIC_BASE_URL": ports.url,
        "IMAP_HOST": "127.0.0.1",
        "IMAP_PORT": str(ports.imap),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "keypostd", "serve"],
        cwd=folder,
        env={**os.environ, **variables, **settings},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until_healthy(ports, process)
            yield process, ports
        finally:
            process.kill()


def wait_until_healthy(ports: Ports, process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(f"{ports.url}/healthz"):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(process.communicate()[1])


def told(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


async def test_it_serves_claims_and_ends_when_told(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ports):
        agent = Agent(ports.http)
        await agent.connect()
        assert (await agent.claim())["status"] == "pending_payment"
        agent.close()
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    events = [event["event"] for event in told(log)]
    assert events[:2] == ["receive_tables_written", "serving"]
    assert "letter_written" in events
    assert not any(secret in log for secret in SECRETS.values())


async def test_a_bare_key_is_a_proof_only_where_that_was_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, EDPROOF_MODE="public-key") as (process, ports):
        agent = Agent(ports.http)
        await agent.connect()
        body = {"edproof": agent.line, "billing_email": "owner@example.org"}
        assert (await agent.post("/v1/mailboxes/claim", body))["status"] == "pending_payment"
        agent.close()
        process.terminate()
        log = process.communicate(timeout=30)[1]
    [warning] = [event for event in told(log) if event["level"] == "warning"]
    assert warning["event"] == "public_keys_taken_for_proof"

    with serving(tmp_path) as (_, ports):
        agent = Agent(ports.http)
        await agent.connect()
        with pytest.raises(RuntimeError, match="proof_missing"):
            await agent.post("/v1/mailboxes/claim", body)
        agent.close()


def test_an_unknown_token_is_refused_before_any_mail_store_is_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, ports):
        request = urllib.request.Request(
            f"{ports.url}/v1/messages", headers={"Authorization": "Bearer kpa_unknown"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.value as reply:
            assert (reply.code, json.load(reply)["code"]) == (401, "access_token_invalid")


def test_without_its_secrets_it_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "keypostd", "serve"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 78
    assert done.stderr == (
        "keypostd: EDPROOF_HMAC_SECRET: must be set\nkeypostd: CREDENTIAL_SECRET: must be set\n"
    )
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


async def test_letters_go_out_over_smtp_and_wait_while_it_is_down(tmp_path: Path) -> None:
    received: list[bytes] = []

    class Inbox:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ANN401, ARG002, N802
            received.append(envelope.content)
            return "250 OK"

    [port] = [Ports.free().http]
    letters = {"NOTIFIER_PROVIDER": "smtp", "SMTP_URL": f"smtp://127.0.0.1:{port}"}
    with serving(tmp_path, **letters) as (_, ports):
        agent = Agent(ports.http)
        await agent.connect()
        link = (await agent.claim())["payment_url"]
        agent.close()
        mail_server = Controller(Inbox(), hostname="127.0.0.1", port=port)
        mail_server.start()  # only now: until then the letter waits
        async with asyncio.timeout(60):
            while not received:
                await asyncio.sleep(0.02)
        mail_server.stop()
    [letter] = received
    assert link.encode() in letter
    assert b"From: Keypost <postmaster@mail.local>" in letter
