"""Keys made by the real tools, and an agent of the test's own."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.post_office import PostOffice
from keypost_client.keys.agent import Agent
from keypost_client.keys.key_file import FileKey
from programs import require

KeyMaker = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with nothing of this machine's in sight."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("SSH_AUTH_SOCK", "KEYPOST_KEY", "KEYPOST_URL", "KEYPOST_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def keygen(tmp_path: Path) -> KeyMaker:
    program = require("ssh-keygen")

    def make(path: Path | None = None, *, kind: str = "ed25519", passphrase: str = "") -> Path:
        target = path or tmp_path / f"id_{kind}"
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [
            program,
            "-q",
            "-t",
            kind,
            "-N",
            passphrase,
            "-C",
            "me@laptop",
            "-f",
            str(target),
        ]
        subprocess.run(command, check=True)
        return target

    return make


@pytest.fixture
def file_key(keygen: KeyMaker) -> FileKey:
    return FileKey.load(keygen(), no_passphrase)


@pytest.fixture
def office() -> PostOffice:
    return PostOffice()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    socket = tmp_path / "agent"
    started = subprocess.run(
        [require("ssh-agent"), "-s", "-a", socket], check=True, capture_output=True, text=True
    )
    pid = int(started.stdout.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    yield Agent(str(socket))
    os.kill(pid, signal.SIGTERM)


@pytest.fixture
def ssh_add(agent: Agent) -> Callable[[Path], None]:
    program = require("ssh-add")

    def add(path: Path) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": agent.path}
        subprocess.run([program, "-q", path], check=True, env=environment)

    return add


def no_passphrase(path: Path) -> bytes:
    raise AssertionError(f"nobody should ask for the passphrase of {path}")
