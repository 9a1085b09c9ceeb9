"""The only SQL that differs between databases: SQLite's here, PostgreSQL's when it follows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import UpdateBase
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import SQLModel

from keypost_adapters.store.tables import LOOKUP_SCHEMA

DIALECT = sqlite_dialect(paramstyle="qmark")

# Everything in this batch that is not yet there goes in; RETURNING tells which.
# One statement is one transaction, so a batch costs one fsync.
CONSUME_NONCES = """
INSERT INTO nonces (nonce, expires_at)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
WHERE true ON CONFLICT DO NOTHING RETURNING nonce
"""
REVISION = "SELECT version_num FROM alembic_version"

FORGET_NONCES = "DELETE FROM nonces WHERE expires_at < ?"

BEGIN_WRITING = "BEGIN IMMEDIATE"


def set_up_connection(lookup: Path) -> Sequence[str]:
    """Return the statements that make a fresh connection one of ours.

    WAL lets readers read while somebody writes; FULL makes a commit durable
    before it is answered. ``lookup`` is the receive tables' file.
    """
    quoted = str(lookup).replace("'", "''")
    return (
        "PRAGMA busy_timeout = 5000",
        f"ATTACH DATABASE '{quoted}' AS {LOOKUP_SCHEMA}",
        "PRAGMA main.journal_mode = WAL",
        f"PRAGMA {LOOKUP_SCHEMA}.journal_mode = WAL",
        "PRAGMA main.synchronous = FULL",
        f"PRAGMA {LOOKUP_SCHEMA}.synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    )


def insert_new(table: type[SQLModel], values: Sequence[Mapping[str, object]]) -> UpdateBase:
    """Insert the rows that break no constraint; the row count tells how many those were."""
    return insert(table).values(list(values)).on_conflict_do_nothing()


def insert_or_update(
    table: type[SQLModel], values: Mapping[str, object], *, key: str, keep: Iterable[str]
) -> UpdateBase:
    """Insert a row, or bring the row with the same ``key`` up to date except for ``keep``."""
    kept = {key, *keep}
    changed = {name: value for name, value in values.items() if name not in kept}
    return (
        insert(table).values(dict(values)).on_conflict_do_update(index_elements=[key], set_=changed)
    )
