"""What goes wrong around the program, and what it makes of it."""

import asyncio
import json
import sqlite3
import urllib.request
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bench.agent import Agent
from bench.server import Ports, Server, running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def ports() -> Ports:
    return Ports.free()


@pytest.fixture
async def agent(ports: Ports) -> AsyncIterator[Agent]:
    agent = Agent(ports.http)
    yield agent
    agent.close()


async def paid(agent: Agent, server: Server) -> dict[str, Any]:
    await agent.connect()
    await agent.get((await agent.claim())["payment_url"].removeprefix(server.url))
    return await agent.resolve(await agent.challenge())


async def opens(agent: Agent, token: str) -> bool:
    try:
        await agent.post("/v1/imap/resolve", {"access_token": token})
    except RuntimeError as refusal:
        if "access_token_invalid" not in str(refusal):
            raise
        return False
    return True


async def test_a_foreign_look_at_the_database_costs_no_commit(
    folder: Path, ports: Ports, agent: Agent
) -> None:
    with running(folder, ports) as up:
        with urllib.request.urlopen(f"{up.url}/readyz") as reply:
            reply.read()
        for name in ("keypost.db", "lookup.db"):
            with closing(sqlite3.connect(folder / name)) as foreign:
                foreign.execute("SELECT count(*) FROM sqlite_master").fetchall()
        before = await paid(agent, up)
        agent.close()
        up.kill()

    with running(folder, ports):
        await agent.connect()
        after = await agent.resolve(await agent.challenge())
    assert after == before


async def test_a_changed_secret_ends_the_old_token_and_the_new_one_works(
    folder: Path, ports: Ports, agent: Agent
) -> None:
    with running(folder, ports) as up:
        old = await paid(agent, up)
        agent.close()
    (folder / "secrets" / "credential_secret").unlink()

    with running(folder, ports):
        await agent.connect()
        new = await agent.resolve(await agent.challenge())
        assert new["password"] != old["password"]
        assert await opens(agent, new["access_token"])
        assert not await opens(agent, old["access_token"])


async def test_lost_receive_tables_are_made_and_written_anew(
    folder: Path, ports: Ports, agent: Agent
) -> None:
    with running(folder, ports) as up:
        access = await paid(agent, up)
        agent.close()
    for file in folder.glob("lookup.db*"):
        file.unlink()

    with running(folder, ports), closing(sqlite3.connect(folder / "lookup.db")) as lookup:
        assert lookup.execute("SELECT email FROM mail_users").fetchall() == [(access["email"],)]


async def test_a_locked_database_is_said_soon_and_to_everybody(
    folder: Path, ports: Ports, agent: Agent
) -> None:
    with running(folder, ports) as up:
        await paid(agent, up)
        claimers = [Agent(ports.http) for _ in range(10)]
        with closing(sqlite3.connect(folder / "keypost.db", isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            for claimer in claimers:
                await claimer.connect()
            async with asyncio.timeout(25):  # not ten times the patience of one
                refusals = await asyncio.gather(
                    *(claimer.claim() for claimer in claimers), return_exceptions=True
                )
            foreign.execute("ROLLBACK")
        assert all('"code":"store_busy"' in str(refusal) for refusal in refusals)
        assert (await claimers[0].claim())["status"] == "pending_payment"
        for claimer in claimers:
            claimer.close()


async def test_a_letter_waits_until_it_can_be_written(
    folder: Path, ports: Ports, agent: Agent
) -> None:
    with running(folder, ports):
        (folder / "letters").touch()  # where a folder is wanted
        await agent.connect()
        await agent.claim()
        async with asyncio.timeout(20):
            while "letter_not_sent" not in (folder / "keypostd.log").read_text():
                await asyncio.sleep(0.02)
        (folder / "letters").unlink()
        async with asyncio.timeout(60):
            while not list(folder.glob("letters/*.eml")):
                await asyncio.sleep(0.05)


async def test_readiness_is_json_for_programs(folder: Path, ports: Ports) -> None:
    with running(folder, ports) as up, urllib.request.urlopen(f"{up.url}/readyz") as reply:
        checks = json.load(reply)["checks"]
    assert checks == {"database": "ok", "migrations": "ok", "queues": "ok"}
