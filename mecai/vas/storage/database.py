"""The database of a VAS: its schema, and how it is opened.

SQLite is the default for one node; a URL of `postgresql+psycopg://` is the choice for several that share a log.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from mecai.service import database, schema
from mecai.service.disk import require_free
from mecai.service.schema import Schema
from mecai.service.server_disk import ServerDisk

SCHEMA: Final = Schema("mecai.vas.storage:migrations", "0010", "mecai vas migrate")
_EXAMPLE: Final = "sqlite:////var/lib/mecai-vas/vas.sqlite"


def open_database(url: str) -> Engine:
    """Open a database by its SQLAlchemy URL; no connection is made yet. Raises `InputError`."""
    return database.open_database(url, _EXAMPLE)


def migrate(engine: Engine) -> bool:
    """Bring the schema up to date, and say whether it was not; one that is, is left. Raises `HostError`."""
    return schema.migrate(engine, SCHEMA)


def require_ready(engine: Engine) -> None:
    """Answer a query, on a schema that is up to date; raises `HostError`."""
    schema.require_ready(engine, SCHEMA)


def disk_of(engine: Engine) -> Callable[[], None]:
    """Return what sees that the logs can grow, on this host's disk or on the server's; it raises `HostError`."""
    if engine.dialect.name != "sqlite":
        return ServerDisk(engine).require_room
    return partial(require_free, Path(engine.url.database or "").parent)
