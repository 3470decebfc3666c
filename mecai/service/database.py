"""A service's database: open it, bring its schema up to date, say whether it is ready.

SQLite is the default for one node; a URL of `postgresql+psycopg://` is the choice for several that share a database.
What differs between the two stands here and nowhere else. What a service has of its own is a `Schema`:
the folder of its steps for Alembic, whose `env.py` calls `run_steps`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from mecai.errors import HostError, InputError

LOCK_SECONDS: Final = 5  # how long a transaction of SQLite waits for another
_ONLY_READS: Final = "mecai_only_reads"


class UtcTime(TypeDecorator[datetime]):
    """A point in time; SQLite forgets the time zone, which is always UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back what SQLite forgot."""
        del dialect
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Schema:
    """How a service's tables came to be."""

    steps: str  # Alembic's folder as PACKAGE:FOLDER
    remedy: str  # the command that brings a database up to date


def open_database(url: str, example: str) -> Engine:
    """Open a database by its SQLAlchemy URL; no connection is made yet. Raises `InputError`, which gives an example."""
    try:
        if make_url(url).get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS})
    except (ArgumentError, ImportError, SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        seen = f"{_without_password(url)!r} cannot be used ({cause(error)})"
        raise InputError(f"database: {seen}; expected for example {example}") from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine, schema: Schema) -> None:
    """Bring the schema up to date; on one that is, this changes nothing. Raises `HostError`."""
    settings = alembic_settings(schema)
    try:
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    except SQLAlchemyError as error:
        raise HostError(f"database: cannot be migrated ({cause(error)})") from error


def run_steps(tables: MetaData) -> None:
    """Run Alembic's steps over the connection that `migrate` gave, in its transaction; `env.py` is this call."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=tables)
    with context.begin_transaction():
        context.run_migrations()


def require_ready(engine: Engine, schema: Schema) -> None:
    """Answer a query, on a schema that is up to date; raises `HostError`."""
    expected = ScriptDirectory.from_config(alembic_settings(schema)).get_current_head()
    try:
        with reading(engine) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise HostError(f"database: does not answer ({cause(error)})") from error
    if found != expected:
        raise HostError(f"database: schema is {found or 'empty'}, expected {expected}; run `{schema.remedy}`")


def reading(engine: Engine) -> Connection:
    """Open a connection, to be used in a `with`, that only reads: it waits for nobody who writes."""
    return engine.connect().execution_options(**{_ONLY_READS: True})


def insert_into(engine: Engine, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that knows ON CONFLICT: in no standard, in both databases, each with a class of its own."""
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)


def cause(error: Exception) -> str:
    """Say what the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def alembic_settings(schema: Schema) -> Config:
    """Return what Alembic's own commands take, but for the connection: `attributes["connection"]`."""
    settings = Config()
    settings.set_main_option("script_location", schema.steps)
    return settings


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection has no type
    """Hand transactions to `_begin`; make a commit reach the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could not wait for it.

    One that says that it only reads takes none.
    """
    only_reads = connection.get_execution_options().get(_ONLY_READS, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if only_reads else "BEGIN IMMEDIATE")


def _without_password(url: str) -> str:
    return re.sub(r":(?!//).*@", ":***@", url)  # what is no URL may hold one all the same
