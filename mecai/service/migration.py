"""The steps of a schema, made by Alembic: a folder of them whose `env.py` calls `run_steps`.

A step says by `oldest_program` which programs go on with the tables as it leaves them: the head of the oldest one's
schema. A step that only adds leaves that as it was; one that takes away names the first that can do without (ADR 0039).
"""

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, Engine, MetaData, delete, insert, text

from mecai.service.database import OLDEST_PROGRAM


def upgrade(engine: Engine, steps: str) -> None:
    """Make all steps of a folder (PACKAGE:FOLDER) that are missing, in one transaction."""
    settings = alembic_settings(steps)
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a step takes as long as there are rows
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def run_steps(tables: MetaData) -> None:
    """Run Alembic's steps over the connection that `upgrade` gave, in its transaction; `env.py` is this call."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=tables, include_name=is_of_the_service)
    with context.begin_transaction():
        context.run_migrations()
        _tell_other_programs(connection, context.get_context().get_current_revision())


def is_of_the_service(name: str | None, _kind: str, _parents: object) -> bool:
    """Tell a service's own tables from the one that is kept about them, as Alembic's `include_name`."""
    return name != OLDEST_PROGRAM.name


def _tell_other_programs(connection: Connection, revision: str | None) -> None:
    """Keep, beside the revision, which programs go on with it: they ask when they do not know it."""
    OLDEST_PROGRAM.create(connection, checkfirst=True)
    connection.execute(delete(OLDEST_PROGRAM))
    if revision is not None:
        connection.execute(insert(OLDEST_PROGRAM).values(revision=_oldest_program(revision)))


def _oldest_program(revision: str) -> str:
    """Return what a step says, or that its own program is the oldest one."""
    return str(getattr(context.script.get_revision(revision).module, "oldest_program", revision))


def alembic_settings(steps: str) -> Config:
    """Return what Alembic's own commands take, but for the connection: `attributes["connection"]`."""
    settings = Config()
    settings.set_main_option("script_location", steps)
    return settings
