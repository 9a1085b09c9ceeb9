"""``keypostd up``: what it shows, how it ends, and what it says when it cannot start."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bench.server import Ports, running

UP = [sys.executable, "-m", "keypostd", "up"]


def start(folder: Path, ports: Ports, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*UP, *options],
        env=ports.environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_demo_ends_with_the_code_from_http_and_from_imap(tmp_path: Path) -> None:
    done = subprocess.run(
        [*UP, "--demo"], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the code in the mail:") == 2
    assert done.stdout.count("\n   your sign-in code is") == 2
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"


def test_a_second_start_finds_the_same_mailbox(tmp_path: Path) -> None:
    ports = Ports.free()
    addresses = []
    for _ in range(2):
        process = start(tmp_path, ports)
        assert process.stdout is not None
        shown = []
        while not shown or "Ctrl-C stops it" not in shown[-1]:
            shown.append(process.stdout.readline())
            assert shown[-1], "".join(shown)
        process.send_signal(signal.SIGINT)
        rest, complaint = process.communicate(timeout=30)
        assert process.returncode == 0, complaint
        assert "Stopped." in rest
        addresses.append({word for line in shown for word in line.split() if "@mail.local" in word})
    assert "the same key, the same mailbox" in "".join(shown)
    assert addresses[0] & addresses[1]


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    ports = Ports.free()
    with socket.create_server(("127.0.0.1", ports.imap)):
        _, complaint = (process := start(tmp_path, ports)).communicate(timeout=30)
    assert process.returncode == 78
    assert complaint == (
        f"keypostd: IMAP_ADDR: 127.0.0.1:{ports.imap} is taken by another program;"
        " name a free one with this variable\n"
    )


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    _, complaint = (process := start(blocked / "var", Ports.free())).communicate(timeout=30)
    assert process.returncode == 78
    assert complaint.startswith(f"keypostd: STATE_DIR: the folder {blocked}/var cannot be written")
    assert complaint.count("\n") == 1


def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "keypost.db").write_bytes(b"this is no database, however long it is" * 100)
    _, complaint = (process := start(tmp_path, Ports.free())).communicate(timeout=30)
    assert process.returncode == 78
    assert complaint.startswith(f"keypostd: DATABASE_DSN: {tmp_path}/keypost.db")
    assert complaint.endswith("cannot be used: file is not a database\n")
    assert complaint.count("\n") == 1


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with running(tmp_path):
        _, complaint = (process := start(tmp_path, Ports.free())).communicate(timeout=30)
    assert process.returncode == 78
    assert "is in use by another keypostd" in complaint


@pytest.mark.parametrize(
    "name", ["keypost.db", "lookup.db", "keypostd.log", "secrets/credential_secret"]
)
def test_state_is_for_its_owner_only(name: str, tmp_path: Path) -> None:
    with running(tmp_path / "var"):
        assert (tmp_path / "var" / name).stat().st_mode & 0o077 == 0
        assert (tmp_path / "var").stat().st_mode & 0o077 == 0
