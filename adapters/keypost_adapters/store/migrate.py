"""Bring a store's tables to this program's shape."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.pool import NullPool

from keypost_adapters.store.sqlite import prepare

_PACKAGED = Path(__file__).with_name("migrations")
_CHECKED_OUT = Path(__file__).parents[3] / "migrations"


def upgrade(database: Path, lookup: Path, *, to: str = "head") -> None:
    """Make both files where they are missing and bring their tables up to revision ``to``."""
    with _connected(database, lookup) as connection:
        command.upgrade(_config(connection), to)


def downgrade(database: Path, lookup: Path, *, to: str) -> None:
    """Take the tables back to revision ``to``; ``base`` drops them all with what they hold."""
    with _connected(database, lookup) as connection:
        command.downgrade(_config(connection), to)


def drift(database: Path, lookup: Path) -> None:
    """Raise alembic's CommandError where the tables differ from ``tables.py``."""
    with _connected(database, lookup) as connection:
        command.check(_config(connection))


def pending(database: Path, lookup: Path) -> bool:
    """Say whether the tables are not of this program's newest revision."""
    with _connected(database, lookup) as connection:
        found = MigrationContext.configure(connection).get_current_heads()
        wanted = ScriptDirectory.from_config(_config(connection)).get_heads()
    return set(found) != set(wanted)


@contextmanager
def _connected(database: Path, lookup: Path) -> Iterator[Connection]:
    _create_private(database)
    _create_private(lookup)
    engine = create_engine(URL.create("sqlite", database=str(database)), poolclass=NullPool)
    prepare(engine, lookup)
    try:
        with engine.connect() as connection:
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def _create_private(database: Path) -> None:
    """Make the file for its owner only, before SQLite would make it for everybody."""
    database.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))


def _config(connection: Connection) -> Config:
    config = Config()
    scripts = _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
