"""Strangers' text on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypost_client.terminal.printable import lines, one_line

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "\u200b",
    "\u2028",
    "\U000e0041",
    "\ud800",
]


UNWANTED = set("".join(HOSTILE)) - set("[2J]0;title31mabgpj.exeA")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_moves_hides_or_reorders_is_left(text: str) -> None:
    assert UNWANTED.isdisjoint(lines(text) + one_line(text))


@given(st.text(st.characters()))
def test_one_line_is_one_line_of_visible_text(text: str) -> None:
    kinds = {unicodedata.category(character) for character in one_line(text)}
    assert kinds.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters()))
def test_of_the_controls_only_the_line_ends_are_left(text: str) -> None:
    left = {character for character in lines(text) if unicodedata.category(character) == "Cc"}
    assert left <= {"\n"}


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Žinutė: 你好, שלום, 👩\u200d👧\n\nsecond paragraph"
    assert lines(text) == text
