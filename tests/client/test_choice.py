"""Which key it is: the same one tomorrow, or an error."""

import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client.conftest import KeyMaker, no_passphrase
from keypost_client.errors import KeyLost, KeyNotFound, KeyUnusable
from keypost_client.keys.agent import Agent
from keypost_client.keys.choice import KeyPlaces, find_key, find_or_make_key
from programs import require

AddKey = Callable[[Path], None]


@pytest.fixture
def places(home: Path) -> KeyPlaces:
    return KeyPlaces(home, passphrase=no_passphrase)


@pytest.fixture
def places_with_agent(home: Path, agent: Agent) -> KeyPlaces:
    return KeyPlaces(home, agent=agent, passphrase=no_passphrase)


def test_a_new_home_has_no_key(places: KeyPlaces) -> None:
    with pytest.raises(KeyNotFound):
        places.find(None)
    assert not places.own.exists()


def test_a_made_key_is_found_again(places: KeyPlaces) -> None:
    assert places.make().public_key == places.find(None).public_key


def test_a_made_key_is_only_its_owners(places: KeyPlaces) -> None:
    places.make()
    modes = [path.stat().st_mode & 0o777 for path in (places.own, places.own.parent)]
    assert modes == [0o600, 0o700]


def test_a_made_key_has_its_public_half_beside_it(places: KeyPlaces) -> None:
    made = places.make()
    assert places.memory.read_text() == f"{made.public_key_line} keypost\n"


def test_nothing_else_is_left_behind(places: KeyPlaces) -> None:
    places.make()
    assert {path.name for path in places.own.parent.iterdir()} == {"id_ed25519", "id_ed25519.pub"}


def test_many_that_make_a_key_at_once_get_the_same(places: KeyPlaces) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: places.make().public_key, range(16)))
    assert len(set(made)) == 1


def test_the_usual_key_is_taken_the_first_time(places: KeyPlaces, keygen: KeyMaker) -> None:
    keygen(places.usual)
    assert places.find(None).where == str(places.usual)


def test_a_usual_key_that_comes_later_changes_nothing(places: KeyPlaces, keygen: KeyMaker) -> None:
    made = places.make()
    keygen(places.usual)
    assert places.find(None).public_key == made.public_key


def test_a_usual_key_that_was_replaced_is_an_error(places: KeyPlaces, keygen: KeyMaker) -> None:
    before = places.find(str(keygen(places.usual)))
    places.find(None)
    places.usual.unlink()
    Path(f"{places.usual}.pub").unlink()
    keygen(places.usual)
    with pytest.raises(KeyLost, match=re.escape(before.public_key.fingerprint)):
        places.find(None)


def test_a_key_that_is_gone_is_an_error_and_no_new_mailbox(
    home: Path, places: KeyPlaces, keygen: KeyMaker
) -> None:
    keygen(places.usual)
    find_key()
    places.usual.unlink()
    with pytest.raises(KeyLost, match="neither"):
        find_or_make_key(announce=lambda key: pytest.fail(f"made {key} in {home}"))


def test_the_agents_only_key_is_taken(
    places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker
) -> None:
    ssh_add(keygen())
    assert "ssh-agent" in places_with_agent.find(None).where


def test_an_agent_that_is_gone_is_an_error(
    home: Path, places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker
) -> None:
    ssh_add(keygen())
    places_with_agent.find(None)
    with pytest.raises(KeyLost, match="ssh-agent"):
        KeyPlaces(home).find(None)


def test_another_key_in_the_agent_changes_nothing(
    places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker, tmp_path: Path
) -> None:
    ssh_add(keygen())
    first = places_with_agent.find(None)
    ssh_add(keygen(tmp_path / "second"))
    assert places_with_agent.find(None) == first


def test_of_several_keys_in_the_agent_none_is_guessed(
    places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker, tmp_path: Path
) -> None:
    ssh_add(keygen())
    ssh_add(keygen(tmp_path / "second"))
    with pytest.raises(KeyUnusable, match="2 Ed25519 keys"):
        places_with_agent.find(None)


def test_a_named_public_half_is_signed_for_by_the_agent(
    places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker, tmp_path: Path
) -> None:
    path = keygen(tmp_path / "second")
    ssh_add(path)
    path.unlink()
    assert "ssh-agent" in places_with_agent.find(f"{path}.pub").where


def test_a_named_public_half_finds_the_file_beside_it(places: KeyPlaces, keygen: KeyMaker) -> None:
    path = keygen()
    assert places.find(f"{path}.pub").where == str(path)


def test_a_named_key_is_not_remembered(places: KeyPlaces, keygen: KeyMaker) -> None:
    places.find(str(keygen()))
    assert not places.memory.exists()


def test_a_protected_key_is_left_to_the_agent_that_holds_it(
    places_with_agent: KeyPlaces, ssh_add: AddKey, keygen: KeyMaker
) -> None:
    path = keygen()
    ssh_add(path)
    change_passphrase(path, "secret")
    assert "ssh-agent" in places_with_agent.find(str(path)).where


def test_a_key_that_others_may_read_is_refused_at_once(places: KeyPlaces, keygen: KeyMaker) -> None:
    path = keygen()
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="open to other users"):
        places.find(str(path))


def test_the_environment_names_a_key(
    home: Path, keygen: KeyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYPOST_KEY", str(keygen(home / "mine")))
    assert find_key().where == str(home / "mine")


def test_the_command_lines_key_comes_before_the_environments(
    home: Path, keygen: KeyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYPOST_KEY", "/nowhere")
    assert find_key(str(keygen(home / "mine"))).where == str(home / "mine")


def test_a_home_that_cannot_be_written_says_so(places: KeyPlaces) -> None:
    (places.home / ".config").write_text("a file where a folder should be")
    with pytest.raises(KeyUnusable, match="cannot be written"):
        places.make()


def test_rubbish_in_the_memory_is_named(places: KeyPlaces) -> None:
    places.make()
    places.memory.write_bytes(b"\xff rubbish")
    with pytest.raises(KeyUnusable, match=r"id_ed25519\.pub is neither"):
        places.find(None)


def change_passphrase(path: Path, passphrase: str) -> None:
    command = [require("ssh-keygen"), "-q", "-p", "-P", "", "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
