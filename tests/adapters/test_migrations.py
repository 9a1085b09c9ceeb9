"""Migrations go up, down and up again, and end where tables.py says."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keypost_adapters.store import migrate
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


def test_an_empty_file_has_migrations_pending(files: Files) -> None:
    assert migrate.pending(*files)
    migrate.upgrade(*files)
    assert not migrate.pending(*files)
    migrate.downgrade(*files, to="base")
    assert migrate.pending(*files)


def test_rows_survive_an_upgrade(files: Files) -> None:
    migrate.upgrade(*files)
    with closing(sqlite3.connect(files[1])) as connection, connection:
        connection.execute("INSERT INTO mail_domains VALUES ('keypost.example')")
    migrate.upgrade(*files)
    with closing(sqlite3.connect(files[1])) as connection:
        assert connection.execute("SELECT domain FROM mail_domains").fetchall() == [
            ("keypost.example",)
        ]
