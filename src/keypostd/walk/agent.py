"""The agent of the walk: the ``keypost`` command, run as a program of its own."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from keypostd.walk.screen import Screen

_WAITING_FOR_PAYMENT = 3
_SECONDS = 30


class StepFailed(Exception):  # noqa: N818 - a fact: the walk cannot go on
    """A step did not do what it is for; ``str()`` says what was seen."""


class Agent:
    """Runs ``keypost`` with a home folder of its own, so that nobody's real key is touched."""

    def __init__(self, *, home: Path, url: str, screen: Screen) -> None:
        self._home = home
        self._url = url
        self._screen = screen
        self._running: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run a command with ``--json``, show it and its answer; raise StepFailed."""
        self._screen.command(shlex.join(["keypost", *arguments, "--json"]))
        document = self._run(arguments)
        self._screen.document(document)
        return document

    def kill(self) -> None:
        """End a command that is still running."""
        if self._running is not None:
            self._running.kill()

    def _run(self, arguments: tuple[str, ...]) -> dict[str, Any]:
        self._home.mkdir(mode=0o700, exist_ok=True)
        with subprocess.Popen(  # noqa: S603 - our own command, arguments as a list
            [sys.executable, "-m", "keypost_client", *arguments, "--json"],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as self._running:
            output, complaint = self._running.communicate(timeout=_SECONDS)
        if self._running.returncode not in {0, _WAITING_FOR_PAYMENT}:
            raise StepFailed((output or complaint).decode(errors="replace").strip())
        document: dict[str, Any] = json.loads(output)
        return document

    def _environment(self) -> dict[str, str]:
        others = {"SSH_AUTH_SOCK", "KEYPOST_KEY", "KEYPOST_KEY_PASSPHRASE", "XDG_CONFIG_HOME"}
        inherited = {name: value for name, value in os.environ.items() if name not in others}
        return {**inherited, "HOME": str(self._home), "KEYPOST_URL": self._url}
