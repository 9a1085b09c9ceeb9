"""What is measured, and how; each returns one line of the report."""

import asyncio
import smtplib
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from imapclient import IMAPClient

from bench.agent import Agent
from bench.server import Server

CONNECTIONS = 32
ROUNDS = 60
CLAIMS_EACH = 6
LISTS = 400
DELIVERIES = 30


async def paid_agents(server: Server) -> list[Agent]:
    """Return connected agents, each with a mailbox that is paid for."""
    agents = [Agent(server.ports.http) for _ in range(CONNECTIONS)]
    for agent in agents:
        await agent.connect()
        link = (await agent.claim())["payment_url"]
        await agent.get(link.removeprefix(server.url))
    return agents


async def _rate(
    server: Server, agents: Sequence[Agent], work: Callable[[Agent], Awaitable[Any]], rounds: int
) -> tuple[float, float]:
    """Return how often a second, and how often a second of the server's processor time."""

    async def one(agent: Agent) -> None:
        for _ in range(rounds):
            await work(agent)

    cpu, start = server.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(one(agent) for agent in agents))
    elapsed, used = time.perf_counter() - start, server.cpu_seconds() - cpu
    count = rounds * len(agents)
    return count / elapsed, count / used if used else float("nan")


async def challenge_and_resolve(server: Server, agents: Sequence[Agent]) -> list[str]:
    """Fetch all challenges, then resolve with them: both are pure server work but the signing."""
    fetched: dict[Agent, list[str]] = {agent: [] for agent in agents}

    async def fetch(agent: Agent) -> None:
        fetched[agent].append(await agent.challenge())

    async def resolve(agent: Agent) -> None:
        await agent.resolve(fetched[agent].pop())

    asked = await _rate(server, agents, fetch, ROUNDS)
    resolved = await _rate(server, agents, resolve, ROUNDS)

    async def both(agent: Agent) -> None:
        await agent.resolve(await agent.challenge())

    together = await _rate(server, agents, both, ROUNDS)
    how = f"{CONNECTIONS} connections, {CONNECTIONS * ROUNDS} calls"
    return [
        f"challenge            {_rates(asked)}  ({how})",
        f"resolve              {_rates(resolved)}  (the same, each with a fresh signed challenge)",
        f"challenge + resolve  {_rates(together)}  (the same, one after the other)",
    ]


def _rates(rates: tuple[float, float]) -> str:
    return f"{rates[0]:8,.0f}/s   {rates[1]:8,.0f} per CPU second"


async def claim(server: Server) -> str:
    """Claim with new keys: challenge, claim, checkout, letter in the outbox."""
    agents = [Agent(server.ports.http) for _ in range(CONNECTIONS * CLAIMS_EACH)]
    lanes = [agents[lane::CONNECTIONS] for lane in range(CONNECTIONS)]

    async def lane_of(own: Sequence[Agent]) -> None:
        for agent in own:
            await agent.connect()
            await agent.claim()
            agent.close()

    start = time.perf_counter()
    await asyncio.gather(*(lane_of(own) for own in lanes))
    rate = len(agents) / (time.perf_counter() - start)
    return f"claim of a new key   {rate:8,.0f}/s   ({CONNECTIONS} at once, {len(agents)} keys)"


async def list_messages(server: Server, agent: Agent) -> str:
    """List 20 of 100 messages, headers only, one call after the other."""
    await agent.connect()
    access = await agent.resolve(await agent.challenge())
    await asyncio.to_thread(_fill, server, access["email"], 100)
    query = {"access_token": access["access_token"], "unread_only": False, "limit": 20}
    times = []
    for _ in range(LISTS):
        start = time.perf_counter()
        messages = (await agent.post("/v1/imap/messages", query))["messages"]
        times.append(time.perf_counter() - start)
        if len(messages) != 20:  # noqa: PLR2004
            raise RuntimeError(f"{len(messages)} messages instead of 20")
    agent.close()
    quantiles = statistics.quantiles(times, n=100)
    return (
        f"list of 20 messages  {len(times) / sum(times):8,.0f}/s   p50 {quantiles[49] * 1000:.2f} ms,"
        f" p99 {quantiles[98] * 1000:.2f} ms  (one connection, mailbox of 100)"
    )


def _fill(server: Server, address: str, count: int) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports.smtp) as smtp:
        for number in range(count):
            smtp.sendmail("a@example.org", address, _mail(number))


def _mail(number: int) -> str:
    return (
        f"From: A <a@example.org>\r\nTo: b\r\nSubject: number {number}\r\n"
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n" + "some words\r\n" * 50
    )


async def delivery_to_idle(server: Server, agent: Agent) -> str:
    """Time from SMTP's 250 to IMAP's IDLE notice, both seen by one client on loopback."""
    await agent.connect()
    access = await agent.resolve(await agent.challenge())
    agent.close()
    delays = sorted(await asyncio.to_thread(_delays, server, access))
    return (
        f"250 to IDLE notice   median {delays[len(delays) // 2] * 1000:.2f} ms,"
        f" slowest {delays[-1] * 1000:.2f} ms  ({DELIVERIES} mails, one after the other)"
    )


def _delays(server: Server, access: dict[str, Any]) -> list[float]:
    delays = []
    with (
        IMAPClient("127.0.0.1", server.ports.imap, ssl=False) as imap,
        smtplib.SMTP("127.0.0.1", server.ports.smtp) as smtp,
    ):
        imap.login(access["username"], access["password"])
        imap.select_folder("INBOX")
        for number in range(DELIVERIES):
            imap.idle()
            smtp.sendmail("a@example.org", access["email"], _mail(number))
            accepted = time.perf_counter()
            while not any(b"EXISTS" in line for line in imap.idle_check(timeout=10)):
                pass
            delays.append(time.perf_counter() - accepted)
            imap.idle_done()
    return delays
