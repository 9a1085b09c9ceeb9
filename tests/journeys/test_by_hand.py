"""The main job with nothing of this project's own, from the README's text."""

import re
import subprocess
from pathlib import Path

from bench.server import Server

from keypostd.walk.by_hand import COMMANDS
from programs import require

README = Path(__file__).parents[2] / "README.md"


def readme_commands() -> str:
    found = re.search(r"<!-- by hand -->\n```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_readme_and_the_program_give_the_same_commands() -> None:
    addresses, _, commands = readme_commands().partition("\n\n")
    assert addresses == "url=http://127.0.0.1:8080 smtp=127.0.0.1:2525 imap=127.0.0.1:1143"
    assert commands == COMMANDS


def test_the_commands_do_the_whole_job(server: Server, tmp_path: Path) -> None:
    for program in ("sh", "ssh-keygen", "curl"):
        require(program)
    ports = server.ports
    addresses = (
        f"url={server.url} smtp=127.0.0.1:{ports.smtp} imap=127.0.0.1:{ports.imap}\nset -e\n"
    )

    done = subprocess.run(
        ["sh", "-c", addresses + COMMANDS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert '{"status":"paid"}' in done.stdout
    assert '"subject":"hello"' in done.stdout
    assert done.stdout.rstrip().endswith("world")
