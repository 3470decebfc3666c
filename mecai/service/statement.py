"""One statement of SQLAlchemy, compiled once and run by the driver: for what is asked with each request of a service.

From a statement to its rows SQLAlchemy takes four times as long as psycopg's cursor, and that twice as long as libpq
below it, which psycopg offers too (docs/benchmarks.md). Pool and errors, and what a statement says, are SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

from sqlalchemy import Dialect, Engine, Insert, LargeBinary, PoolProxiedConnection, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

_PREPARED: Final = "mecai_prepared"  # the statements that a connection to a server has prepared, with readers of rows
_AS_IT_IS: Final = (bytes, str)
_TEXT, _BINARY = 0, 1  # libpq's numbers of formats; a text is the same in both, but the first ends it at a zero octet


class Statement:
    """A SELECT, or an INSERT that returns something, all of whose values are named parameters.

    `engine` is of `mecai.service.database.open_database`: the statement is a transaction of its own, and what it writes
    is kept once it has returned.
    """

    def __init__(self, engine: Engine, statement: Select[Any] | Insert) -> None:
        self._engine = engine
        dialect, columns = engine.dialect, list(statement.exported_columns)
        served, kind = dialect.name != "sqlite", cast("Any", type(dialect))
        compiled: Any = statement.compile(dialect=kind(paramstyle="numeric_dollar" if served else "qmark"))
        self.text: Final = str(compiled)
        writers = {name: _writer(bind.type, dialect) for name, bind in compiled.binds.items()}
        self._writers: Final = tuple((name, writers[name]) for name in compiled.positiontup)
        readers = (_reader(column.type, dialect) for column in columns)
        self._readers: Final = tuple((place, read) for place, read in enumerate(readers) if read is not None)
        self._row: Final[Any] = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self._way: Final = _Prepared(self.text, dialect.loaded_dbapi).run if served else self._by_cursor

    def first(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a row's attributes are the columns
        """Return the first row, None if there is none; raises `SQLAlchemyError`."""
        rows = self.all(values)
        return rows[0] if rows else None

    def all(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the rows, whose attributes are the columns; raises `SQLAlchemyError`."""
        written = [values[name] if write is None else write(values[name]) for name, write in self._writers]
        return [self._read(row) for row in self._run(written)]

    def _read(self, row: Sequence[Any]) -> Any:  # noqa: ANN401 - as above
        values = list(row)
        for place, read in self._readers:
            values[place] = read(values[place])
        return self._row._make(values)

    def _run(self, values: Sequence[Any]) -> Sequence[Any]:
        driver = self._engine.dialect.loaded_dbapi
        try:
            connection = self._engine.raw_connection()
        except driver.Error as error:
            raise self._as_sqlalchemys(error) from error
        try:
            return self._way(connection, values)
        except driver.Error as error:
            broken = self._engine.dialect.is_disconnect(error, connection.dbapi_connection, None)
            if broken:  # nobody else uses it
                connection.invalidate(error)
            raise self._as_sqlalchemys(error, broken=broken) from error
        finally:
            connection.close()

    def _by_cursor(self, connection: PoolProxiedConnection, values: Sequence[Any]) -> Sequence[Any]:
        cursor = connection.cursor()
        try:
            cursor.execute(self.text, values)
            return cursor.fetchall()  # to the end: by then SQLite has kept what it wrote
        finally:
            cursor.close()

    def _as_sqlalchemys(self, error: Any, *, broken: bool = False) -> DBAPIError:  # noqa: ANN401 - the driver's
        dialect = self._engine.dialect
        base = dialect.loaded_dbapi.Error
        told: DBAPIError = DBAPIError.instance(
            self.text, None, error, base, connection_invalidated=broken, dialect=dialect
        )
        return told


class _Prepared:
    """A statement that a server prepares once for each connection; `psycopg` is the module of that name."""

    def __init__(self, text: str, psycopg: Any) -> None:  # noqa: ANN401 - it is loaded only where it is needed
        self._text = text.encode()
        self._name: Final = b"mecai_" + sha256(self._text).hexdigest()[:16].encode()
        self._psycopg = psycopg

    def run(self, connection: PoolProxiedConnection, values: Sequence[Any]) -> Sequence[Any]:
        """Return the rows; raises psycopg's `Error`."""
        known: dict[bytes, Any] = connection.info.setdefault(_PREPARED, {})
        server: Any = connection.dbapi_connection
        if (reader := known.get(self._name)) is None:
            self._prepare(server)
            reader = known[self._name] = self._psycopg.adapt.Transformer(server)
        try:
            result = self._execute(server, values)
        except self._psycopg.errors.InvalidSqlStatementName:  # a rollback by psycopg makes a server forget them all
            self._prepare(server)
            result = self._execute(server, values)
        reader.set_pgresult(result)
        rows: Sequence[Any] = reader.load_rows(0, result.ntuples, tuple)
        return rows

    def _prepare(self, server: Any) -> None:  # noqa: ANN401 - psycopg's connection
        self._good(server.pgconn.prepare(self._name, self._text), self._psycopg.pq.ExecStatus.COMMAND_OK)

    def _execute(self, server: Any, values: Sequence[Any]) -> Any:  # noqa: ANN401 - as above
        formats = [_BINARY if isinstance(value, _AS_IT_IS) else _TEXT for value in values]
        written = [None if value is None else _octets(value) for value in values]
        result = server.pgconn.exec_prepared(self._name, written, formats, _BINARY)
        return self._good(result, self._psycopg.pq.ExecStatus.TUPLES_OK)

    def _good(self, result: Any, wanted: object) -> Any:  # noqa: ANN401 - libpq's result
        if result.status == wanted:
            return result
        error = self._psycopg.errors.error_from_result(result)
        # What no server has said is libpq's own word on a connection.
        raise error if error.sqlstate else self._psycopg.OperationalError(str(error))


def _octets(value: Any) -> bytes:  # noqa: ANN401 - octets, a text, a number or a time
    return value if isinstance(value, bytes) else str(value).encode()


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what writes a value for the driver, None where it is written as it is, as octets are."""
    implemented = kind.dialect_impl(dialect)
    return None if isinstance(implemented, LargeBinary) else implemented.bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
