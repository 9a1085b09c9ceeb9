from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts import stores
from contracts.stores import OpenStore
from fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def empty_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, empty_files: Path, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[OpenStore]:
    if request.param == "memory":
        yield stores.memory()
        return
    async with stores.sqlite(stores.copied(empty_files, tmp_path), clock) as opened:
        yield opened
