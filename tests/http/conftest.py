"""A service in memory, a client of it, and an agent with a key."""

from collections.abc import AsyncIterator

import httpx
import pytest

from fakes.service import Agent, MemoryService, talking_to


@pytest.fixture
def service() -> MemoryService:
    return MemoryService()


@pytest.fixture
async def client(service: MemoryService) -> AsyncIterator[httpx.AsyncClient]:
    async with talking_to(service.app()) as client:
        yield client


@pytest.fixture
def agent(client: httpx.AsyncClient) -> Agent:
    return Agent(client)
