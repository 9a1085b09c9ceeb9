"""Start a server, measure it, print the figures and how they were taken."""

# ruff: noqa: T201 - what it prints is what it is for

import asyncio
import os
import platform
import tempfile
from pathlib import Path

from bench import measures
from bench.server import Server, running


async def measure(server: Server) -> None:
    """Print each figure as soon as it is there."""
    print(f"memory after start   {server.resident_megabytes():8,.0f} MB")
    agents = await measures.paid_agents(server)
    for line in await measures.challenge_and_resolve(server, agents):
        print(line)
    print(await measures.claim(server))
    for agent in agents:
        agent.close()
    print(await measures.list_messages(server, agents[0]))
    print(await measures.delivery_to_idle(server, agents[1]))
    print(f"memory at the end    {server.resident_megabytes():8,.0f} MB")


def main() -> None:
    """Measure once."""
    print(
        "One keypostd process (HTTP, SMTP, IMAP, SQLite with synchronous=FULL), measured over\n"
        f"loopback from a second process; {os.cpu_count()} cores, Python {platform.python_version()}.\n"
    )
    with (
        tempfile.TemporaryDirectory(prefix="keypost-bench-") as folder,
        running(Path(folder)) as up,
    ):
        asyncio.run(measure(up))


main()
