"""Where Alembic begins.

The program hands in its own connection. On the command line (`make migration`)
the files are those of DATABASE_DSN and LOOKUP_DSN.
"""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import URL, Connection, create_engine

from keypost_adapters.store.sqlite import prepare
from keypost_adapters.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_from_environment() -> None:
    database = Path(os.environ.get("DATABASE_DSN", "keypost.db"))
    lookup = Path(os.environ.get("LOOKUP_DSN", str(database.with_name("lookup.db"))))
    engine = create_engine(URL.create("sqlite", database=str(database)))
    prepare(engine, lookup)
    with engine.connect() as connection:
        run(connection)
        connection.commit()


given = context.config.attributes.get("connection")
if given is None:
    run_from_environment()
else:
    run(given)
