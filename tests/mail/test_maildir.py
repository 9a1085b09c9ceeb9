"""Files and UIDs, without any protocol."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypost_adapters.receive.folder import Folder, Vanished
from keypost_adapters.receive.maildir import FileName, UsageMeter, deliver, with_flags
from keypost_adapters.receive.uidlist import UidList

NOW = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "box", clock=lambda: NOW)


def put(folder: Folder, *contents: bytes) -> None:
    deliver([(folder.path, content) for content in contents], now=NOW)
    folder.refresh()


def test_uids_follow_the_order_of_arrival(folder: Folder) -> None:
    put(folder, *(b"%d\r\n" % n for n in range(30)))
    assert [folder.content(uid) for uid in range(1, 31)] == [b"%d\r\n" % n for n in range(30)]


def test_a_removed_uid_is_never_given_again_also_after_a_restart(folder: Folder) -> None:
    put(folder, b"1\r\n", b"2\r\n")
    folder.remove([2])
    again = Folder(folder.path, clock=lambda: NOW)
    put(again, b"3\r\n")
    assert list(again.messages) == [1, 3]


def test_the_list_reads_what_dovecot_writes() -> None:
    text = "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
    text += "25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n"
    text += "25017 W2481 :1276533073.M242911P3632.kurkku:2,F\n"
    parsed = UidList.parse(text)
    assert parsed
    assert (parsed.validity, parsed.next_uid) == (1275660208, 25022)
    assert parsed.uids["1276533073.M242911P3632.kurkku"] == 25017


@given(st.text())
def test_no_text_breaks_the_list(text: str) -> None:
    UidList.parse(text)
    parsed = UidList.parse("3 V1 N1\n" + text)
    assert parsed
    assert parsed.next_uid > max(parsed.uids.values(), default=0)


def test_a_broken_list_starts_a_new_validity(folder: Folder) -> None:
    put(folder, b"1\r\n")
    (folder.path / "dovecot-uidlist").write_text("garbage\n")
    later = datetime(2026, 5, 5, tzinfo=UTC)
    again = Folder(folder.path, clock=lambda: later)
    again.refresh()
    assert again.validity == int(later.timestamp())


@given(st.sets(st.sampled_from("DFRST")))
def test_flags_in_names_are_sorted_and_read_back(flags: set[str]) -> None:
    name = FileName.parse(with_flags("1.2.host,S=3,W=4", flags))
    assert (name.base, name.flags) == ("1.2.host,S=3,W=4", "".join(sorted(flags)))
    assert (name.stored, name.wire) == (3, 4)


def test_letters_of_other_programs_stay_in_names(folder: Folder) -> None:
    put(folder, b"1\r\n")
    folder.claim_new()
    folder.change_flags([1], lambda _: "Sa")
    again = Folder(folder.path, clock=lambda: NOW)
    again.refresh()
    assert again.messages[1].name.flags == "Sa"


def test_what_is_gone_has_vanished(folder: Folder) -> None:
    put(folder, b"1\r\n")
    for file in folder.path.glob("new/*"):
        file.unlink()
    with pytest.raises(Vanished):
        folder.content(1)


def test_a_renamed_file_is_found_again(folder: Folder) -> None:
    put(folder, b"1\r\n")
    (file,) = folder.path.glob("new/*")
    file.rename(folder.path / "cur" / f"{file.name}:2,S")
    assert folder.content(1) == b"1\r\n"


def test_usage_counts_folders_and_files_without_a_size_in_their_name(tmp_path: Path) -> None:
    meter = UsageMeter(lambda: 2**63)
    deliver([(tmp_path, b"x" * 10), (tmp_path / ".Sent", b"x" * 20)], now=NOW)
    (tmp_path / "cur" / "foreign").write_bytes(b"x" * 30)
    assert meter.used(tmp_path) == 60
    deliver([(tmp_path, b"x" * 40)], now=NOW)
    os.utime(tmp_path / "new")
    assert meter.used(tmp_path) == 100


def test_the_time_of_arrival_is_kept(folder: Folder) -> None:
    put(folder, b"1\r\n")
    assert folder.internal_date(1) == NOW


def test_many_threads_agree_on_uids(folder: Folder) -> None:
    def work(number: int) -> None:
        put(folder, b"%d\r\n" % number)
        folder.claim_new()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    folder.refresh()
    fresh = Folder(folder.path, clock=lambda: NOW)
    fresh.refresh()
    assert len(fresh.messages) == 40
    assert {u: m.name.base for u, m in fresh.messages.items()} == {
        u: m.name.base for u, m in folder.messages.items()
    }


def test_flags_that_are_set_at_once_are_all_kept(folder: Folder) -> None:
    put(folder, b"1\r\n")
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda new: folder.change_flags([1], lambda old: old + new), "DFRST"))
    assert folder.messages[1].name.flags == "DFRST"
