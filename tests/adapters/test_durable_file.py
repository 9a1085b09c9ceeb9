"""A file is there whole, or as it was before."""

import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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


@contextmanager
def no_file_beyond_a_page() -> Iterator[None]:
    """Let the kernel itself refuse a write (EFBIG), as a full disk does."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"old")
    with no_file_beyond_a_page(), pytest.raises(OSError, match="File too large"):
        write_durably(tmp_path / "file", b"new" * 100_000)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_step_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_durably(tmp_path / "file", b"old")
    monkeypatch.setattr(owner, step, full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
