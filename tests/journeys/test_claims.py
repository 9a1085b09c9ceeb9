"""Claiming over the real wire, from many callers at once and across restarts."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench.agent import Agent
from bench.server import Ports, Server, running


def books(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{folder}/keypost.db?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


async def test_fifty_parallel_claims_of_a_new_key_make_one_of_everything(
    server: Server, tmp_path: Path
) -> None:
    callers = [Agent(server.ports.http) for _ in range(50)]
    for caller in callers:
        caller.become(callers[0])
        await caller.connect()

    replies = await asyncio.gather(*(caller.claim() for caller in callers))

    for caller in callers:
        caller.close()
    assert len({reply["id"] for reply in replies}) == 1
    assert len({reply["payment_url"] for reply in replies}) == 1
    assert len(list((tmp_path / "var" / "mock-checkout").glob("*.json"))) == 1
    async with asyncio.timeout(20):
        while not list((tmp_path / "var" / "letters").glob("*.eml")):
            await asyncio.sleep(0.01)
    assert books(tmp_path / "var", "SELECT state FROM outbox") == [("sent",)]


async def test_a_used_challenge_stays_used_after_a_restart(tmp_path: Path) -> None:
    ports = Ports.free()
    agent = Agent(ports.http)
    with running(tmp_path / "var", ports) as up:
        await agent.connect()
        challenge = await agent.challenge()
        body = {**agent.proof(challenge), "billing_email": "owner@example.org"}
        await agent.post("/v1/mailboxes/claim", body)
        agent.close()
        up.kill()

    with running(tmp_path / "var", ports):
        await agent.connect()
        with pytest.raises(RuntimeError, match="challenge_used"):
            await agent.post("/v1/mailboxes/claim", body)
        agent.close()


async def test_the_same_key_has_the_same_mailbox_and_address_after_a_restart(
    tmp_path: Path,
) -> None:
    ports = Ports.free()
    agent = Agent(ports.http)
    seen = []
    for _ in range(2):
        with running(tmp_path / "var", ports):
            await agent.connect()
            reply = await agent.claim()
            seen.append((reply["id"], reply["email"], reply["payment_url"]))
            agent.close()
    assert seen[0] == seen[1]
