"""A value has one spelling on the wire."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypost.edproof.wire import Reader, Unreadable, from_base64, string, to_base64, to_base64url

SOUND = settings(derandomize=True, deadline=None, max_examples=200, database=None)


@SOUND
@given(st.binary())
def test_bytes_survive_base64(data: bytes) -> None:
    assert from_base64(to_base64(data)) == data


@SOUND
@given(st.text() | st.text("AQgw+/=", max_size=8))
def test_no_text_but_the_one_we_write_is_base64(text: str) -> None:
    with suppress(Unreadable):
        assert to_base64(from_base64(text)) == text


@pytest.mark.parametrize("text", ["AB==", "AA=", "AA", "A", "AA==\n", " AA==", "AA==AA==", "_-8="])
def test_other_spellings_of_base64_are_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        from_base64(text)


def test_base64url_has_no_padding() -> None:
    assert to_base64url(b"\xff\xfe\xfd\xfc") == "__79_A"


@SOUND
@given(st.lists(st.binary()))
def test_strings_survive_being_written_one_after_another(values: list[bytes]) -> None:
    reader = Reader(b"".join(map(string, values)))
    assert [reader.string() for _ in values] == values
    reader.end()


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\2a", b"\xff\xff\xff\xffa"])
def test_a_string_that_is_cut_short_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        Reader(data).string()


def test_what_follows_the_end_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        Reader(b"\0").end()
