"""The commands of /docs/agent-api-skill.md, run by a shell as they stand."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from bench.server import running

from programs import require

# What somebody else does between two steps, after the step with this number.
_PAY = 'curl -sS "$(printf %s "$CLAIM" | field payment_url)"\n'
_SEND = """\
"$PYTHON" -c '
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as smtp:
    smtp.sendmail("shop@example.org", sys.argv[2], "Subject: hello\\r\\n\\r\\nyour code is 4711\\r\\n")
' "$SMTP_PORT" "$(printf %s "$ACCESS" | field email)"
"""
BETWEEN = {3: _PAY, 4: _SEND}


def steps(document: str) -> dict[int, str]:
    """Return the shell commands of each step, by its number."""
    sections = re.findall(r"^## (\d)\. .*?$(.*?)(?=^## |\Z)", document, re.DOTALL | re.MULTILINE)
    return {
        int(number): "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        for number, text in sections
    }


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_commands_do_what_the_document_says(shell: str, tmp_path: Path) -> None:
    for program in (shell, "curl", "ssh-keygen"):
        require(program)
    with running(tmp_path / "var") as server:
        with urllib.request.urlopen(f"{server.url}/docs/agent-api-skill.md") as reply:
            commands = steps(reply.read().decode())
        assert list(commands) == [1, 2, 3, 4, 5, 6]
        script = "".join(
            f"{commands[step]}\n{BETWEEN.get(step, '')}echo; echo '== {step}'\n"
            for step in commands
        )
        done = subprocess.run(
            [shell, "-eu"],
            input=script,
            cwd=tmp_path,
            env={
                **os.environ,
                "NO_PROXY": "127.0.0.1",
                "KEY": str(tmp_path / "a key"),
                "PYTHON": sys.executable,
                "SMTP_PORT": str(server.ports.smtp),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    _, _, claimed, access, read, renewed = re.split(r"== \d\n", done.stdout)[:6]
    claim, _, paid = claimed.strip().partition("\n")
    assert json.loads(claim)["status"] == "pending_payment"
    assert json.loads(paid) == {"status": "paid"}
    assert access.strip() == "", "what opens the mailbox is shown to nobody"
    listed, _, one = read.strip().partition("}]")
    assert '"subject":"hello"' in listed
    assert "your code is 4711" not in listed
    assert "your code is 4711" in one
    assert (tmp_path / "message.eml").read_bytes().endswith(b"\r\n\r\nyour code is 4711\r\n")
    renewal = json.loads(renewed)
    assert renewal["usable"] is True
    assert renewal["payment_url"]
