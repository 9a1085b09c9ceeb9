"""The whole program, started as its users start it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.server import Server, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "var") as up:
        yield up
