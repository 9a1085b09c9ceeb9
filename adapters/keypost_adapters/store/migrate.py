"""Bring a store's tables to this program's shape."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from keypost_adapters.store.sqlite import prepare
from keypost_adapters.store.tables import LOOKUP_SCHEMA, metadata

_PACKAGED = Path(__file__).with_name("migrations")
_CHECKED_OUT = Path(__file__).parents[3] / "migrations"


def upgrade(database: Path, lookup: Path, *, to: str = "head") -> None:
    """Make both files where they are missing and bring their tables up to revision ``to``.

    Raise StoreUnusable where that cannot be done.
    """
    with _translated(database, lookup):
        _create_private(database)
        _create_private(lookup)
        with _connected(database, lookup) as connection:
            command.upgrade(_config(connection), to)
            if to == "head":
                _create_receive_tables(connection)


def newest_revision() -> str:
    """Return the revision that this program was written for."""
    return str(ScriptDirectory(str(_scripts())).get_current_head())


def downgrade(database: Path, lookup: Path, *, to: str) -> None:
    """Take the tables back to revision ``to``; ``base`` drops them all with what they hold."""
    with _connected(database, lookup) as connection:
        command.downgrade(_config(connection), to)


def drift(database: Path, lookup: Path) -> None:
    """Raise alembic's CommandError where the tables differ from ``tables.py``."""
    with _connected(database, lookup) as connection:
        command.check(_config(connection))


@contextmanager
def _connected(database: Path, lookup: Path) -> Iterator[Connection]:
    engine = create_engine(URL.create("sqlite", database=str(database)), poolclass=NullPool)
    prepare(engine, lookup)
    try:
        with engine.connect() as connection:
            yield connection
            connection.commit()
    finally:
        engine.dispose()


class StoreUnusable(Exception):  # noqa: N818 - a fact: these files are no store of ours
    """The files cannot be made a store of this program's; ``str()`` says why."""


@contextmanager
def _translated(database: Path, lookup: Path) -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise StoreUnusable(
            f"{database} is of another version of this program ({error}); start that one"
        ) from error
    except (SQLAlchemyError, OSError) as error:
        why = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        raise StoreUnusable(f"{database} and {lookup} cannot be used: {why}") from error


def _create_private(file: Path) -> None:
    """Make a missing file for its owner only, before SQLite would make it for everybody.

    A file that is there is not touched: closing it here would give up the locks
    that SQLite holds on it in this process (POSIX advisory locks).
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _create_receive_tables(connection: Connection) -> None:
    """Make the receive tables where their file was lost: they are written anew at every start."""
    tables = [table for table in metadata.tables.values() if table.schema == LOOKUP_SCHEMA]
    metadata.create_all(connection, tables=tables, checkfirst=True)


def _scripts() -> Path:
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
