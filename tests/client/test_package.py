"""What ``import keypost_client`` offers, and what it promises about errors."""

import inspect

import pytest

import keypost_client
from keypost_client import errors
from keypost_client.terminal.exit_codes import of_error

OFFERED = [name for names in keypost_client._HOMES.values() for name in names]  # noqa: SLF001


@pytest.mark.parametrize("name", OFFERED)
def test_every_offered_name_is_there(name: str) -> None:
    assert getattr(keypost_client, name).__name__ == name


def test_every_error_is_offered_and_drawn_in_the_tree() -> None:
    kinds = {name for name, _ in inspect.getmembers(errors, is_error)}
    assert kinds <= set(OFFERED)
    assert all(f" {name} " in f"{errors.__doc__} " or name == "KeypostError" for name in kinds)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Postbox"):
        _ = keypost_client.Postbox


def test_a_local_error_is_a_problem_object_as_well() -> None:
    members = errors.KeyNotFound("There is none.").as_members()
    assert members["code"] == "key_not_found"
    assert members["detail"] == members["error"] == "There is none."
    assert members["fix"]


def test_an_error_that_nobody_planned_for_exits_with_one() -> None:
    assert of_error(errors.KeypostError("odd")) == 1


def is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, errors.KeypostError)
