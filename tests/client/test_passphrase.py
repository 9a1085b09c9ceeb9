"""Where a passphrase comes from when nobody sits there."""

import io
import sys
from pathlib import Path

import pytest

from keypost_client.errors import KeyUnusable
from keypost_client.keys.passphrase import passphrase


def test_the_environment_answers_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPOST_KEY_PASSPHRASE", "žalia")
    assert passphrase(Path("key")) == "žalia".encode()


def test_without_a_person_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYPOST_KEY_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(KeyUnusable, match="protected by a passphrase") as asked:
        passphrase(Path("key"))
    assert "ssh-add" in asked.value.fix
