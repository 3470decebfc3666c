"""The database of a VAS: its schema, and how it is opened.

SQLite is the default for one node; a URL of `postgresql+psycopg://` is the choice for several that share a log.
"""

from typing import Final

from sqlalchemy import Engine

from mecai.service import database

SCHEMA: Final = database.Schema("mecai.vas.storage:migrations", "mecai vas migrate")
_EXAMPLE: Final = "sqlite:////var/lib/mecai-vas/vas.sqlite"


def open_database(url: str) -> Engine:
    """Open a database by its SQLAlchemy URL; no connection is made yet. Raises `InputError`."""
    return database.open_database(url, _EXAMPLE)


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; on one that is, this changes nothing. Raises `HostError`."""
    database.migrate(engine, SCHEMA)


def require_ready(engine: Engine) -> None:
    """Answer a query, on a schema that is up to date; raises `HostError`."""
    database.require_ready(engine, SCHEMA)
