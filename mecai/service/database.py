"""A service's database: how it is opened, and what is asked of any.

SQLite is the default for one node; a URL of `postgresql+psycopg://` is the choice for several that share a database.
What differs between the two stands here and nowhere else, but for how a schema changes (`mecai.service.steps`).
"""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Table,
    create_engine,
    delete,
    event,
    func,
    make_url,
    select,
    type_coerce,
)
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.types import TypeDecorator

from mecai.errors import HostError, InputError
from mecai.service.pem import load_crls
from mecai.service.turns import Turns

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

LOCK_SECONDS: Final = 5  # how long a transaction of SQLite waits for another
CONNECT_SECONDS: Final = 5  # until a server has answered a new connection, or one of the pool is free
SILENT_SECONDS: Final = 10  # that a server's network may take to confirm what was sent
STATEMENT_SECONDS: Final = 10  # for one statement on a server, but for those of a migration
POOLED: Final = 16  # connections that are kept, and as many more while they are needed: more than a process has threads
IDLE_SECONDS: Final = 2.0  # after which a connection to a server is asked whether it still lives before it is used
_DISTRUSTED: Final = "certificate verify failed"  # libpq of a server's certificate, whatever is wrong with it
_NO_TRANSACTION: Final = 0  # PQTRANS_IDLE of libpq
_ONLY_READS: Final = "mecai_only_reads"
_USED: Final = "mecai_used"  # when a connection was given back


class UtcTime(TypeDecorator[datetime]):
    """A point in time, in whole seconds; SQLite forgets the time zone, which is always UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Leave out what a clock in whole seconds has not reached yet."""
        del dialect
        return value and value.replace(microsecond=0)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back what SQLite forgot."""
        del dialect
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


# libpq's and PostgreSQL's own bounds, in their units: a server that is cut off, or stuck, holds up nobody for long.
_SERVER_BOUNDS: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 1000 * SILENT_SECONDS,
    "keepalives_idle": SILENT_SECONDS,
    "keepalives_interval": 1,
    "keepalives_count": SILENT_SECONDS // 2,
    "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s ",
}
_TIME: Final = type_coerce(func.current_timestamp(), UtcTime)


def open_database(url: str, example: str) -> Engine:
    """Open a database by its SQLAlchemy URL; no connection is made yet. Raises `InputError`, which gives an example."""
    pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": POOLED, "max_overflow": POOLED}
    try:
        if make_url(url).get_backend_name() != "sqlite":
            pool |= {"pool_reset_on_return": None, "pool_timeout": CONNECT_SECONDS}
            engine = create_engine(url, connect_args=_bounds(make_url(url)), **pool)
            event.listen(engine, "do_connect", _connect_by_lists)
            event.listen(engine, "connect", _set_up_postgresql)
            idle = _Idle(engine.dialect)
            event.listen(engine, "checkout", idle.ask)
            event.listen(engine, "checkin", idle.note)
            event.listen(engine, "reset", _end_transaction)
            event.listen(engine, "invalidate", idle.note_break)
            event.listen(engine, "begin", _begin_on_server)
            return engine
        engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS}, **pool)
    except (ArgumentError, ImportError, SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        seen = f"{_without_password(url)!r} cannot be used ({cause(error)})"
        raise InputError(f"database: {seen}; expected for example {example}") from None
    event.listen(engine, "connect", _set_up_sqlite)
    turns = Turns(LOCK_SECONDS)
    event.listen(engine, "checkin", turns.give_back)
    event.listen(engine, "begin", partial(_begin_sqlite, turns))
    return engine


def left_to_driver(engine: Engine) -> Engine:
    """Return an engine of the same server that keeps no connection, and whose driver begins and ends transactions.

    Alembic has ways to leave one for a while, and knows this driver's.
    """
    left = create_engine(engine.url, connect_args=_bounds(engine.url), poolclass=NullPool)
    event.listen(left, "do_connect", _connect_by_lists)
    return left


def _bounds(url: URL) -> dict[str, Any]:
    """Return the bounds of connections to a server; what its URL says goes before them."""
    said = {name: value for name, value in url.query.items() if name in _SERVER_BOUNDS}
    return _SERVER_BOUNDS | said | {"options": f"{_SERVER_BOUNDS['options']}{said.get('options', '')}"}


def clock_of(connection: Connection) -> datetime:
    """Return what time it is for the database: SQLite's is this host's. Raises `SQLAlchemyError`."""
    found: datetime = connection.execute(select(_TIME)).scalar_one()
    return found


def time_of(engine: Engine, clock: Callable[[Connection], datetime] = clock_of) -> datetime:
    """Return what time it is for the database; raises `HostError`."""
    with answers(), reading(engine) as connection:
        return clock(connection)


@contextmanager
def answers() -> Iterator[None]:
    """Say in one line that the database does not."""
    try:
        yield
    except SQLAlchemyError as error:
        raise HostError(f"database: does not answer ({cause(error)})") from error


def reading(engine: Engine) -> Connection:
    """Open a connection, to be used in a `with`, that only reads: it waits for nobody who writes.

    On a server each statement is a transaction of its own: none of its reads needs what another one saw.
    """
    return engine.connect().execution_options(**{_ONLY_READS: True})


@contextmanager
def one_write(engine: Engine) -> Iterator[Connection]:
    """Give a connection for statements that write, each kept by itself: on a server, once it has returned."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            yield connection
    else:
        with reading(engine) as connection:
            yield connection


def insert_into(engine: Engine | Connection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Begin an INSERT that knows ON CONFLICT: in no standard, in both databases, each with a class of its own."""
    insert: postgresql.Insert | sqlite.Insert
    insert = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert(table)
    return insert


def insert_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its key is there, and say whether it was inserted.

    Asked by RETURNING: the driver of PostgreSQL counts no rows of an INSERT.
    """
    insert = insert_into(connection, table).values(dict(row)).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key)).first() is not None


def keep_newest(connection: Connection, order: Column[Any], of: ColumnElement[bool], count: int) -> None:
    """Delete what is beyond the `count` newest rows, by `order`, among those that fit `of`."""
    beyond = select(order).where(of).order_by(order.desc()).offset(count).limit(1)
    if (newest := connection.execute(beyond).scalar_one_or_none()) is not None:
        connection.execute(delete(order.table).where(of, order <= newest))


def cause(error: Exception) -> str:
    """Say what the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _connect_by_lists(dialect: Dialect, _record: object, words: Sequence[Any], options: dict[str, Any]) -> object:
    """Connect by lists of revoked certificates where the URL names some: libpq goes without what it cannot read."""
    if not (path := options.get("sslcrl")):
        return None
    try:
        load_crls(Path(path))
        return dialect.connect(*words, **options)
    except HostError as error:
        raise OperationalError(None, None, error) from error
    except dialect.loaded_dbapi.OperationalError as error:
        if _DISTRUSTED not in str(error):
            raise
        line = f"{cause(error)}: perhaps it is revoked, or the lists have ended, by {path}"  # libpq does not say
        raise OperationalError(None, None, HostError(line)) from error


def _set_up_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - as below
    """Hand transactions to `_begin_on_server`; write text as text and octets as octets.

    psycopg writes members of a StrEnum by their names, and octets, unless told, in hexadecimal digits.
    """
    connection.autocommit = True
    strings = import_module("psycopg.types.string")
    connection.adapters.register_dumper(StrEnum, strings.StrDumper)
    connection.adapters.register_dumper(bytes, strings.BytesBinaryDumper)


class _Idle:
    """Which connections to a server are asked whether they still live, before they are used.

    Those that lay idle, and once any broke, all that were not used since: a server that was started anew has none.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._broke = -math.inf

    def ask(self, connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - as below
        """See that it lives where it is to be asked; the pool takes another one where it does not."""
        now = time.monotonic()
        used = record.info.get(_USED, now)
        if now - used < IDLE_SECONDS and used > self._broke:
            return
        try:
            alive = self._dialect.do_ping(connection)
        except self._dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
        if not alive:
            raise DisconnectionError

    def note(self, _connection: object, record: Any) -> None:  # noqa: ANN401 - as below
        """Note when it was used last."""
        record.info[_USED] = time.monotonic()

    def note_break(self, *_: object) -> None:
        """Note that one broke."""
        self._broke = time.monotonic()


def _end_transaction(connection: Any, _record: object, _state: object) -> None:  # noqa: ANN401 - as below
    """Roll back what was begun and not ended by who gives a connection back; in autocommit hardly anything ever is."""
    if connection.pgconn.transaction_status != _NO_TRANSACTION:
        connection.rollback()


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection has no type
    """Hand transactions to `_begin_sqlite`; make a commit reach the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_on_server(connection: Connection) -> None:
    """Begin a transaction; who only reads needs none."""
    if not _only_reads(connection):
        connection.exec_driver_sql("BEGIN")


def _begin_sqlite(turns: Turns, connection: Connection) -> None:
    """Begin a transaction; one that may write takes the lock for that at once.

    If it read first and wrote later, it could not wait for the lock.
    """
    if _only_reads(connection):
        connection.exec_driver_sql("BEGIN DEFERRED")
    else:
        turns.take(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_ONLY_READS, False))


def _without_password(url: str) -> str:
    return re.sub(r":(?!//).*@", ":***@", url)  # what is no URL may hold one all the same
