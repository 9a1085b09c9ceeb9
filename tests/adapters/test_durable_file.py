"""A file is there whole, or as it was before."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keypost_adapters.durable_file import sync_folder, write_durably


def test_the_content_is_there_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"content")
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_is_replaced_whole_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer content than the next")
    path.chmod(0o644)
    write_durably(path, b"short")
    assert path.read_bytes() == b"short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whoever_has_the_old_file_open_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")
    with path.open("rb") as reader:
        write_durably(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_crash_left_over_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in (".file.1.part", ".file.part"):
        (tmp_path / name).write_bytes(b"half")
    write_durably(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_folder_that_is_not_there_is_an_error_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "no" / "file", b"content")
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_many_writers_of_one_file_leave_one_whole_content(tmp_path: Path) -> None:
    contents = [bytes([letter]) * 50_000 for letter in b"abcdefgh"]
    with ThreadPoolExecutor(8) as writers:
        for _ in range(5):
            list(writers.map(lambda content: write_durably(tmp_path / "file", content), contents))
            assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
