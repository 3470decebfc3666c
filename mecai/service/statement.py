"""One statement of SQLAlchemy, compiled once and run by the driver: for what is asked with each request of a service.

SQLAlchemy takes three times as long from a statement to its rows as the driver below it (docs/benchmarks.md). What a
statement says, how either database writes its values, the pool and the errors are still SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from sqlalchemy import Engine, Insert, PoolProxiedConnection, Select
from sqlalchemy.exc import DBAPIError


class Statement:
    """A SELECT, or an INSERT that returns something, all of whose values are named parameters.

    `engine` is of `mecai.service.database.open_database`: the statement is a transaction of its own, and what it writes
    is kept once it has returned.
    """

    def __init__(self, engine: Engine, statement: Select[Any] | Insert) -> None:
        self._engine = engine
        dialect, columns = engine.dialect, list(statement.exported_columns)
        compiled = statement.compile(dialect=dialect)
        self.text: Final = str(compiled)
        self._order: Final[list[str] | None] = getattr(compiled, "positiontup", None)  # where parameters have no names
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in getattr(compiled, "binds", {}).items()}
        self._writers: Final = {name: kind.bind_processor(dialect) or _as_it_is for name, kind in kinds.items()}
        kinds_read = (column.type.dialect_impl(dialect) for column in columns)
        self._readers: Final = tuple(kind.result_processor(dialect, None) or _as_it_is for kind in kinds_read)
        self._row: Final[Any] = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024

    def first(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a row's attributes are the columns
        """Return the first row, None if there is none; raises `SQLAlchemyError`."""
        rows = self.all(values)
        return rows[0] if rows else None

    def all(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the rows, whose attributes are the columns; raises `SQLAlchemyError`."""
        written = {name: write(values[name]) for name, write in self._writers.items()}
        found = self._run(written if self._order is None else [written[name] for name in self._order])
        return [self._row._make(read(value) for read, value in zip(self._readers, row, strict=True)) for row in found]

    def _run(self, values: Any) -> list[Any]:  # noqa: ANN401 - as the driver takes them
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(self.text, values)
                return list(cursor.fetchall())  # to the end: by then SQLite has kept what it wrote
            except self._engine.dialect.loaded_dbapi.Error as error:
                self._fail(connection, error)
            finally:
                cursor.close()
        finally:
            connection.close()

    def _fail(self, connection: PoolProxiedConnection, error: Any) -> NoReturn:  # noqa: ANN401 - the driver's
        """Raise a driver's error as SQLAlchemy's own; a connection that broke is used by nobody else."""
        dialect = self._engine.dialect
        broken = dialect.is_disconnect(error, connection.dbapi_connection, None)
        if broken:
            connection.invalidate(error)
        base = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(
            self.text, None, error, base, hide_parameters=True, connection_invalidated=broken, dialect=dialect
        ) from error


def _as_it_is(value: Any) -> Any:  # noqa: ANN401
    return value
