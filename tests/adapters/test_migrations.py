"""Migrations go up, down and up again, and end where tables.py says."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from contracts.stores import opened
from fakes.clock import FakeClock
from keypost_adapters.store import migrate, sqlite
from keypost_adapters.store.tables import metadata

Files = tuple[Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return tmp_path / "state" / "keypost.db", tmp_path / "state" / "lookup.db"


def shape(path: Path) -> set[str]:
    query = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master"
    with closing(sqlite3.connect(path)) as connection:
        return {text for (text,) in connection.execute(query)}


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in names}


def serve_a_domain(files: Files) -> None:
    with closing(sqlite3.connect(files[1])) as connection, connection:
        connection.execute("INSERT INTO mail_domains VALUES ('keypost.example')")


def domains(files: Files) -> list[str]:
    with closing(sqlite3.connect(files[1])) as connection:
        return [domain for (domain,) in connection.execute("SELECT domain FROM mail_domains")]


def test_up_down_and_up_again_ends_where_it_began(files: Files) -> None:
    migrate.upgrade(*files)
    first = [shape(path) for path in files]
    migrate.downgrade(*files, to="base")
    assert tables(files[0]) <= {"alembic_version"}
    assert tables(files[1]) == set()
    migrate.upgrade(*files)
    assert [shape(path) for path in files] == first


def test_the_tables_are_those_of_the_program(files: Files) -> None:
    migrate.upgrade(*files)
    migrate.drift(*files)
    made = tables(files[0]) | {f"lookup.{name}" for name in tables(files[1])}
    assert made == set(metadata.tables) | {"alembic_version"}


def test_drift_is_noticed(files: Files) -> None:
    migrate.upgrade(*files)
    with closing(sqlite3.connect(files[0])) as connection:
        connection.execute("ALTER TABLE mailboxes ADD COLUMN surplus TEXT")
    with pytest.raises(Exception, match="surplus"):
        migrate.drift(*files)


def test_the_receive_tables_are_in_a_file_of_their_own(files: Files) -> None:
    migrate.upgrade(*files)
    assert tables(files[1]) == {"mail_domains", "mail_users"}
    assert not tables(files[0]) & tables(files[1])


def test_upgrading_again_changes_nothing(files: Files) -> None:
    migrate.upgrade(*files)
    first = [shape(path) for path in files]
    migrate.upgrade(*files)
    assert [shape(path) for path in files] == first


async def test_an_upgrade_ends_at_the_newest_revision(files: Files) -> None:
    migrate.upgrade(*files)
    async with opened(files[0].parent, FakeClock()) as store:
        assert await store.index.revision() == migrate.newest_revision()


def test_naming_the_newest_revision_makes_no_file(files: Files) -> None:
    assert migrate.newest_revision()
    assert not files[0].parent.exists()


def test_what_is_missing_is_made_for_its_owner_only_and_what_is_there_is_left(
    files: Files,
) -> None:
    files[1].parent.mkdir()
    files[1].touch()
    files[1].chmod(0o640)  # a mail daemon's group reads it
    before = files[1].stat().st_ino
    migrate.upgrade(*files)
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o640
    assert files[1].stat().st_ino == before


def test_lost_receive_tables_are_made_again(files: Files) -> None:
    migrate.upgrade(*files)
    files[1].unlink()
    migrate.upgrade(*files)
    assert tables(files[1]) == {"mail_domains", "mail_users"}
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    migrate.drift(*files)


def test_receive_tables_that_a_crash_left_alone_are_kept(files: Files) -> None:
    migrate.upgrade(*files)
    serve_a_domain(files)
    files[0].unlink()
    migrate.upgrade(*files)
    migrate.drift(*files)
    assert domains(files) == ["keypost.example"]


def test_a_database_of_a_later_version_is_refused_and_left_as_it_is(files: Files) -> None:
    migrate.upgrade(*files)
    with closing(sqlite3.connect(files[0])) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    first = [shape(path) for path in files]
    with pytest.raises(migrate.StoreUnusable, match="another version"):
        migrate.upgrade(*files)
    assert [shape(path) for path in files] == first


@pytest.mark.parametrize("number", [0, 1])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(files: Files, number: int) -> None:
    files[number].parent.mkdir()
    files[number].write_text("Dear diary, " * 500)
    with pytest.raises(migrate.StoreUnusable, match="not a database"):
        migrate.upgrade(*files)
    assert files[number].read_text().startswith("Dear diary")


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(migrate.StoreUnusable, match="state"):
        migrate.upgrade(tmp_path / "state" / "keypost.db", tmp_path / "state" / "lookup.db")


def test_a_database_that_somebody_holds_is_refused(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(*files)
    hurried = sqlite.set_up_connection
    monkeypatch.setattr(
        sqlite, "set_up_connection", lambda lookup: [*hurried(lookup), "PRAGMA busy_timeout = 20"]
    )
    with closing(sqlite3.connect(files[0], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(migrate.StoreUnusable, match="locked"):
            migrate.upgrade(*files)


def test_rows_survive_an_upgrade(files: Files) -> None:
    migrate.upgrade(*files)
    serve_a_domain(files)
    migrate.upgrade(*files)
    assert domains(files) == ["keypost.example"]
