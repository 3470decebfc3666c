"""Parts of a schema's steps that keep no node waiting which writes meanwhile (ADR 0048).

On PostgreSQL, `build_index` and `fill` keep what the step did so far: what comes after them is another transaction. A
step that was killed in between is made again from its beginning, so what stands before them has to be of this file: it
finds itself done. On SQLite, where nobody writes meanwhile, all of it is one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from mecai.service.migration import LOCK_SECONDS, PATIENCE_SECONDS, wait_for_locks

BATCH: Final = 1000  # rows that a back-fill changes in one transaction, and locks meanwhile
_IS_VALID: Final = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_KEY, _VALUE = "row_key", "row_value"


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add those columns that are not there; each may be empty, for programs of before write rows without them."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)


def build_index(name: str, table: str, columns: Sequence[str | sa.TextClause], *, unique: bool = False) -> None:
    """Build an index of a table that nodes write; on PostgreSQL beside them, and anew where a build was broken off."""
    if _is_file():
        op.create_index(name, table, columns, unique=unique)
        return
    with op.get_context().autocommit_block():
        wait_for_locks(op.get_bind(), PATIENCE_SECONDS)  # of transactions that began before: nobody waits behind it
        if (valid := op.get_bind().scalar(_IS_VALID, {"name": name})) is False:
            op.drop_index(name, table, postgresql_concurrently=True)
        if not valid:
            op.create_index(name, table, columns, unique=unique, postgresql_concurrently=True)
        wait_for_locks(op.get_bind(), LOCK_SECONDS)


def replace_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Give an index other columns: it takes the place of the former one when it is built."""
    if _is_file():
        op.drop_index(name, table)
        op.create_index(name, table, columns)
        return
    build_index(f"{name}_next", table, columns)
    op.drop_index(name, table)
    op.execute(f"ALTER INDEX {name}_next RENAME TO {name}")


def fill(table: sa.TableClause, key: str, column: str, value: Callable[[Any], object]) -> None:
    """Fill a column where it is empty, once over the table by the order of its key, `BATCH` rows at a time.

    `value` makes it of a row, and is never None. What older programs write meanwhile may stay empty, as what they write
    afterwards does.
    """
    _keep()
    empty = sa.select(table).where(table.c[column].is_(None)).order_by(table.c[key]).limit(BATCH)
    rows = op.get_bind().execute(empty).all()
    while rows:
        _write(table, key, column, {getattr(row, key): value(row) for row in rows})
        rows = op.get_bind().execute(empty.where(table.c[key] > getattr(rows[-1], key))).all()


def _write(table: sa.TableClause, key: str, column: str, values: Mapping[Any, object]) -> None:
    """Fill rows in a transaction; then, each in one of its own, those that another transaction had locked.

    So nobody who waits for the batch can be waited for by it.
    """
    rows = sa.select(table.c[key]).where(table.c[key].in_(values)).with_for_update(key_share=True, skip_locked=True)
    free = set(op.get_bind().scalars(rows))
    update = sa.update(table).where(table.c[key] == sa.bindparam(_KEY)).values({column: sa.bindparam(_VALUE)})
    for part in filter(None, (free, *({each} for each in values.keys() - free))):
        op.get_bind().execute(update, [{_KEY: each, _VALUE: values[each]} for each in part])
        _keep()


def _keep() -> None:
    """Keep what was done so far, where a step is not one transaction."""
    if not _is_file():
        with op.get_context().autocommit_block():
            pass


def _is_file() -> bool:
    return op.get_bind().dialect.name == "sqlite"
