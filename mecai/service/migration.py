"""The steps of a schema, made by Alembic: a folder of them whose `env.py` calls `run_steps`.

A step says by `oldest_program` which programs go on with the tables as it leaves them: the head of the oldest one's
schema. A step that only adds leaves that as it was; one that takes away names the first that can do without (ADR 0039).
On a server nodes write meanwhile: each step is a transaction of its own, or several (`mecai.service.steps`), and gives
up a lock that it does not get at once (ADR 0048). What was broken off goes on from the last one that was kept.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Final

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, delete, insert, text
from sqlalchemy.exc import DBAPIError

from mecai.errors import HostError
from mecai.service import database
from mecai.service.deadline import Deadline
from mecai.service.schema import OLDEST_PROGRAM, Schema, is_made

LOCK_SECONDS: Final = 1  # that a step waits for a lock at a time: who comes after it waits behind it
PATIENCE_SECONDS: Final = 600  # for a step's locks, for another node that migrates, for transactions before an index
_PAUSE: Final = 1.0  # seconds between two tries, in which whoever waited behind goes on
_NOT_NOW: Final = frozenset({"55P03", "40P01"})  # PostgreSQL's codes: a lock was not free, or would never have been
_TURN: Final = 0x6D656361  # PostgreSQL's advisory lock of who migrates a database
_HOLDER: Final = text("""
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :turn
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""")


def upgrade(engine: Engine, schema: Schema, revision: str = "head") -> None:
    """Make all steps that are missing, up to a revision; none where another node, or a later release, was first.

    Raises `HostError` where a lock, or another node's migration, is not over within `PATIENCE_SECONDS`.
    """
    with connected(engine) as connection:
        if not is_made(engine, schema):
            _make(connection, alembic_settings(schema.steps, connection), revision)


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """Give the one connection that makes steps of this database; whoever has it now is waited for.

    SQLite has one node, and one transaction for all steps. On a server steps have theirs, and no statement has a bound.
    """
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with database.left_to_driver(engine).connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))  # a step takes as long as there are rows
        wait_for_locks(connection, LOCK_SECONDS)
        connection.commit()
        _take_turn(connection)
        yield connection


def wait_for_locks(connection: Connection, seconds: int) -> None:
    """Let each statement from now on wait so long for a lock."""
    connection.execute(text(f"SET lock_timeout = '{seconds}s'"))


def _take_turn(connection: Connection) -> None:
    """Wait until no other node migrates. Between two looks there is no snapshot that its indexes would wait for."""
    deadline = Deadline(PATIENCE_SECONDS)
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:turn)"), {"turn": _TURN}):
        holder = connection.scalar(_HOLDER, {"turn": _TURN})
        connection.commit()
        if not deadline.left():
            seen = f"another node has been migrating it for {PATIENCE_SECONDS} s (process {holder} of the server)"
            raise HostError(f"database: {seen}; let it end, and try again")
        sleep(_PAUSE)
    connection.commit()


def _make(connection: Connection, settings: Config, revision: str) -> None:
    """Make the steps; one that did not get its locks is made again from what was kept of it."""
    patience: dict[str | None, Deadline] = {}  # by the step before: it begins where a step first waits in vain
    while True:
        try:
            return command.upgrade(settings, revision)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _NOT_NOW:
                raise
            connection.rollback()
            made = MigrationContext.configure(connection).get_current_revision()
            if not patience.setdefault(made, Deadline(PATIENCE_SECONDS)).left():
                remedy = "end the transaction that has been open for longest (pg_stat_activity), and try again"
                seen = f"the step after {made} did not get its lock ({database.cause(error)}) for {PATIENCE_SECONDS} s"
                raise HostError(f"database: {seen}; {remedy}") from error
        wait_for_locks(connection, LOCK_SECONDS)
        connection.commit()
        sleep(_PAUSE)


def run_steps(tables: MetaData) -> None:
    """Run Alembic's steps over the connection that `alembic_settings` was given; `env.py` is this call."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=tables,
        include_name=is_of_the_service,
        transaction_per_migration=True,
        on_version_apply=_tell_other_programs,
    )
    with context.begin_transaction():
        context.run_migrations()


def is_of_the_service(name: str | None, _kind: str, _parents: object) -> bool:
    """Tell a service's own tables from the one that is kept about them, as Alembic's `include_name`."""
    return name != OLDEST_PROGRAM.name


def _tell_other_programs(ctx: object, step: object, heads: Collection[str], run_args: object) -> None:
    """Keep, with the revision, which programs go on with it: they ask when they do not know it."""
    del ctx, step, run_args
    connection = op.get_bind()
    OLDEST_PROGRAM.create(connection, checkfirst=True)
    connection.execute(delete(OLDEST_PROGRAM))
    for revision in heads:
        connection.execute(insert(OLDEST_PROGRAM).values(revision=_oldest_program(revision)))


def _oldest_program(revision: str) -> str:
    """Return what a step says, or that its own program is the oldest one."""
    return str(getattr(context.script.get_revision(revision).module, "oldest_program", revision))


def alembic_settings(steps: str, connection: Connection | None = None) -> Config:
    """Return what Alembic's own commands take; those that read or change the database go over the connection."""
    settings = Config()
    settings.set_main_option("script_location", steps)
    settings.attributes["connection"] = connection
    return settings
