"""What the walk shows."""

# ruff: noqa: T201 - what it prints is what it is for

import json
import sys
from typing import Any

_WIDTH = 100
_SECRETS = ("password", "access_token")


class Screen:
    """Steps, commands and answers on stdout; colours where it is a terminal."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()
        self._number = 0

    def say(self, text: str = "") -> None:
        """Print a line."""
        print(text, flush=True)

    def _shown(self, line: str) -> str:
        """Return a line without what a terminal would take for commands."""
        return "".join(letter for letter in line[:_WIDTH] if letter.isprintable())

    def step(self, title: str) -> None:
        """Head the next step."""
        self._number += 1
        self.say("\n" + self._styled(f"{self._number}. {title}", "1"))

    def command(self, line: str) -> None:
        """Show what is run."""
        self.say(self._styled(f"   $ {line}", "36"))

    def sent(self, line: str) -> None:
        """Show a protocol line from this side."""
        self.say(f"   > {line}")

    def answer(self, text: str) -> None:
        """Show what came back."""
        for line in text.rstrip().splitlines():
            self.say(f"   {self._shown(line)}")

    def document(self, document: dict[str, Any]) -> None:
        """Show a JSON answer; of its secrets only the beginning, as a terminal keeps what it shows."""
        shown = {
            name: f"{value[:8]}…" if name in _SECRETS else value for name, value in document.items()
        }
        self.answer(json.dumps(shown, indent=2, ensure_ascii=False))

    def found(self, text: str) -> None:
        """Point at what the step was for."""
        self.say(self._styled(f"   → {text}", "1;32"))

    def failed(self, text: str) -> None:
        """Say what went wrong."""
        self.say(self._styled(f"   ✗ {text}", "1;31"))

    def _styled(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._colours else text
