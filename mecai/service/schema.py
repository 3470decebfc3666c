"""A service's schema: bring a database up to date, say whether this program can use it.

What a service has of its own is a `Schema`: the folder of its steps for Alembic (`mecai.service.migration`), and how
far they lead.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from sqlalchemy import Column, Engine, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import HostError
from mecai.service.database import answers, cause, reading

_REVISIONS: Final = "alembic_version"  # the table of Alembic that holds how far a schema came
# The oldest program, by the head of its schema, that can go on with the tables as they are: one row (ADR 0039).
OLDEST_PROGRAM: Final = Table("oldest_program", MetaData(), Column("revision", String(32), nullable=False))


@dataclass(frozen=True)
class Schema:
    """How a service's tables came to be. Revisions are numbers of four digits, in the order of the steps."""

    steps: str  # Alembic's folder as PACKAGE:FOLDER
    head: str  # the revision of the last step
    remedy: str  # the command that brings a database up to date


def migrate(engine: Engine, schema: Schema) -> bool:
    """Bring the schema up to date, and say whether it was not; a later one is left as it is. Raises `HostError`."""
    try:
        lacks = not is_made(engine, schema)
        if lacks:  # it takes a third of a command's time to load, and is hardly ever needed
            import_module("mecai.service.migration").upgrade(engine, schema)
    except SQLAlchemyError as error:
        raise HostError(f"database: cannot be migrated ({cause(error)})") from error
    require_ready(engine, schema)
    return lacks


def is_made(engine: Engine, schema: Schema) -> bool:
    """Say whether all steps are made, maybe further ones of a later release."""
    found = _revision(engine)
    return found is not None and found >= schema.head


def require_ready(engine: Engine, schema: Schema) -> None:
    """Answer a query, on a schema that this program can use; raises `HostError`.

    That is its own, or one of a later release that says that this program can go on meanwhile.
    """
    with answers():
        found = _revision(engine)
        oldest = _oldest_program(engine) if found is not None and found > schema.head else None
    if found is None or found < schema.head:
        raise HostError(f"database: schema is {found or 'empty'}, expected {schema.head}; run `{schema.remedy}`")
    if found > schema.head and (oldest is None or oldest > schema.head):
        wanted = f"a program that knows {oldest or found}, this one knows {schema.head}"
        raise HostError(f"database: schema is {found}, which takes {wanted}; install the release that made it")


def _revision(engine: Engine) -> str | None:
    """Return the last step that was made, None before the first."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(_REVISIONS):
            return None
        found: str | None = connection.scalar(text(f"SELECT version_num FROM {_REVISIONS}"))  # noqa: S608 - a constant
        return found


def _oldest_program(engine: Engine) -> str | None:
    """Return the oldest program that the last step lets go on, None where it did not say."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(OLDEST_PROGRAM.name):
            return None
        found: str | None = connection.execute(select(OLDEST_PROGRAM.c.revision)).scalar_one_or_none()
        return found
