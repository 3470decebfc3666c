"""Where the register is: an SQLite file of the CA's user, or a PostgreSQL database that the configuration names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import HostError
from mecai.service import database, durable
from mecai.service.schema import Schema

REGISTER: Final = "register.db"
SCHEMA: Final = Schema("mecai.ca.storage:migrations", "0001", "mecai ca init")
_EXAMPLE: Final = "postgresql+psycopg://mecai-ca@/register"


@contextmanager
def register_database(url: str | None, home: Path) -> Iterator[Engine]:
    """Open the register at `url`, or the file in `home`, which must be there; close it at the end."""
    file = (home / REGISTER).absolute().as_uri()
    engine = database.open_database(url or f"sqlite:///{file}?mode=rw&uri=true", _EXAMPLE)
    try:
        yield engine
    finally:
        engine.dispose()


def create_file(home: Path) -> None:
    """Make an empty file that only this user reads; SQLite gives the same mode to those beside it."""
    with durable.host_errors(home / REGISTER, "made"):
        (home / REGISTER).touch(mode=0o600, exist_ok=False)


@contextmanager
def host_errors() -> Iterator[None]:
    """Turn what the database refuses into `HostError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise HostError(f"register: cannot be used ({database.cause(error)})") from error
