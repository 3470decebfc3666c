"""The database of a VAS: open it, bring its schema up to date, say whether it is ready.

SQLite is the default for one node; a URL of `postgresql+psycopg://` is the choice for several that share a log. What
differs between the two stands here and nowhere else.
"""

import re
from typing import Any, Final

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mecai.errors import HostError, InputError

_LOCK_SECONDS: Final = 5  # how long a transaction of SQLite waits for another
_ONLY_READS: Final = "mecai_only_reads"
_MIGRATIONS: Final = "mecai.vas.storage:migrations"


def open_database(url: str) -> Engine:
    """Open a database by its SQLAlchemy URL; no connection is made yet. Raises `InputError`."""
    try:
        backend = make_url(url).get_backend_name()
        if backend == "sqlite":
            engine = create_engine(url, connect_args={"timeout": _LOCK_SECONDS})
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin)
            return engine
        return create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        expected = "expected for example sqlite:////var/lib/mecai-vas/vas.sqlite"
        raise InputError(f"database: {_without_password(url)!r} cannot be used ({_cause(error)}); {expected}") from None


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; on one that is, this changes nothing. Raises `HostError`."""
    settings = _alembic()
    try:
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    except SQLAlchemyError as error:
        raise HostError(f"database: cannot be migrated ({_cause(error)})") from error


def require_ready(engine: Engine) -> None:
    """Answer a query, on a schema that is up to date; raises `HostError`."""
    expected = ScriptDirectory.from_config(_alembic()).get_current_head()
    try:
        with reading(engine) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise HostError(f"database: does not answer ({_cause(error)})") from error
    if found != expected:
        raise HostError(f"database: schema is {found or 'empty'}, expected {expected}; run `mecai vas migrate`")


def reading(engine: Engine) -> Connection:
    """Open a connection, to be used in a `with`, that only reads: it waits for nobody who writes."""
    return engine.connect().execution_options(**{_ONLY_READS: True})


def insert_into(engine: Engine, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that knows ON CONFLICT: in no standard, in both databases, each with a class of its own."""
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)


def _alembic() -> AlembicConfig:
    settings = AlembicConfig()
    settings.set_main_option("script_location", _MIGRATIONS)
    return settings


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection has no type
    """Hand transactions to `_begin`; make a commit reach the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could not wait for it.

    One that says that it only reads takes none.
    """
    only_reads = connection.get_execution_options().get(_ONLY_READS, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if only_reads else "BEGIN IMMEDIATE")


def _without_password(url: str) -> str:
    return re.sub(r"(://[^/@:]*):.*@", r"\1:***@", url)  # what is no URL may hold one all the same


def _cause(error: Exception) -> str:
    """Say what the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
