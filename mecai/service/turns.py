"""Threads of one process that write to an SQLite database take turns: each waits until the one before has ended.

SQLite lets who waits look again now and then (up to 0.1 s later), and whoever comes meanwhile goes first: of many
threads that write all the time some are never first within their seconds, and are told that the database is locked.
Other processes, and whoever waited here in vain, still come by SQLite's own way.
"""

import threading
from typing import Any, Final

from sqlalchemy import Connection

_TURN: Final = "mecai_turn"  # noted at a connection whose turn it is


class Turns:
    """The turns of one engine's connections."""

    def __init__(self, seconds: float) -> None:
        """Let each wait so long for those before it, at most."""
        self._seconds = seconds
        self._lock = threading.Lock()

    def take(self, connection: Connection) -> None:
        """Wait for the turn of a connection, which has it until it is given back to the pool."""
        if _TURN not in connection.info and self._lock.acquire(timeout=self._seconds):
            connection.info[_TURN] = True

    def give_back(self, _connection: object, record: Any) -> None:  # noqa: ANN401 - a record of the pool has no type
        """Let the next one have its turn: for the pool's event `checkin`."""
        if record.info.pop(_TURN, False):
            self._lock.release()
