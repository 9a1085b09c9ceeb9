"""ssh-agent, the real one."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from client.conftest import KeyMaker
from keypost_client.errors import KeyUnusable
from keypost_client.keys.agent import Agent, AgentKey
from keypost_client.keys.public_key import PublicKey
from programs import require

AddKey = Callable[[Path], None]


def test_an_empty_agent_holds_no_keys(agent: Agent) -> None:
    assert agent.keys() == []


def test_only_plain_ed25519_keys_are_seen(agent: Agent, ssh_add: AddKey, keygen: KeyMaker) -> None:
    ssh_add(keygen(kind="rsa"))
    ed25519 = keygen()
    ssh_add(ed25519)
    expected = PublicKey.parse(Path(f"{ed25519}.pub").read_text())
    (seen,) = agent.keys()
    assert seen.public_key == expected


def test_a_key_that_left_the_agent_does_not_sign(
    agent: Agent, ssh_add: AddKey, keygen: KeyMaker
) -> None:
    ssh_add(keygen())
    (key,) = agent.keys()
    environment = {**os.environ, "SSH_AUTH_SOCK": agent.path}
    subprocess.run([require("ssh-add"), "-q", "-D"], check=True, env=environment)
    with pytest.raises(KeyUnusable, match="declined"):
        key.sign(b"challenge")


def test_a_socket_that_nobody_answers_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="dead does not answer"):
        Agent(str(tmp_path / "dead")).keys()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\1\x05",
        b"\0\0\0\1\x0e",
        b"\0\0\0\x05\x0e\0\0\0\0",
        b"\0\0\0\5\x0e\xff\xff\xff\xff",
    ],
)
def test_a_confused_agent_is_no_crash(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "confused"))
        listener.listen()
        thread = threading.Thread(target=answer_once, args=(listener, answer))
        thread.start()
        key = AgentKey(Agent(str(tmp_path / "confused")), PublicKey(bytes(32)))
        with pytest.raises(KeyUnusable):
            key.sign(b"challenge")
        thread.join()


def answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
