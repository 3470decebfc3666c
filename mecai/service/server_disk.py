"""Room on the disk of a database's server, of which no client is told: a temporary file is tried.

It lies where the database has its tables, is gone when its statement ends, and leaves neither a dead row nor a record
of what is written ahead. A server that cannot write that ahead ends itself, which is told by its silence.
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import HostError
from mecai.service.database import cause

TRIED_MIB: Final = 32  # of the file: as much as two segments of what PostgreSQL writes ahead, in whose place it may lie
KEPT: Final = 30.0  # seconds for which the room that was found is taken to be there,
AGAIN: Final = 5.0  # and for which it is taken to be missing: each try takes for a moment what is left, from others too
_DISK_FULL: Final = "53100"  # SQLSTATE
# Settings of this transaction alone: where the file lies, and that it is no longer kept in memory.
_WHERE: Final = "SET LOCAL temp_tablespaces = ''; SET LOCAL work_mem = '64kB'"
_FILE: Final = text(
    "WITH file AS MATERIALIZED (SELECT repeat('x', 1048576) FROM generate_series(1, :mib)) SELECT count(*) FROM file"
)


class ServerDisk:
    """The disk of a PostgreSQL server; may be asked in any thread."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._kept_until = clock()
        self._fault: HostError | None = None

    def require_room(self) -> None:
        """See that its tables can grow; raises `HostError`."""
        if self._clock() >= self._kept_until:
            self._fault = self._try()
            self._kept_until = self._clock() + (AGAIN if self._fault else KEPT)
        if self._fault is not None:
            raise HostError(str(self._fault)) from self._fault

    def _try(self) -> HostError | None:
        """Return what stands in the way of a file."""
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(_WHERE)
                connection.execute(_FILE, {"mib": TRIED_MIB})
        except SQLAlchemyError as error:
            full = getattr(getattr(error, "orig", None), "sqlstate", None) == _DISK_FULL
            seen = f"not even {TRIED_MIB} MiB are free" if full else "cannot be tried"
            remedy = "; make room on its disk" if full else ""
            return HostError(f"the database's server: {seen} ({cause(error)}){remedy}")
        return None
