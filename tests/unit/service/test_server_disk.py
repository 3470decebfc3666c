"""Whether a database's server has room is tried, and what was found is kept for a while."""

from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from mecai.errors import HostError
from mecai.service.server_disk import AGAIN, KEPT, ServerDisk


class Full(Exception):
    """What psycopg says of a disk without room."""

    sqlstate = "53100"


class Played:
    """A server that says what it is told, and counts how often it is asked; the clock stands where it is put."""

    def __init__(self) -> None:
        self.asked = 0
        self.says: Exception | None = None
        self.now = 0.0
        engine = create_engine("sqlite://", poolclass=NullPool)  # which leaves no connection open
        event.listen(engine, "before_cursor_execute", self._answer, retval=True)
        self.disk = ServerDisk(engine, lambda: self.now)

    def _answer(self, _connection: Any, _cursor: Any, statement: str, _given: Any, *_: Any) -> tuple[str, Any]:
        if statement.startswith("SET LOCAL"):
            self.asked += 1
            if self.says is not None:
                raise OperationalError(statement, None, self.says)
        return "SELECT 1", ()


def test_room_is_taken_to_be_there_for_a_while() -> None:
    server = Played()
    for now, asked in ((0.0, 1), (KEPT - 1, 1), (KEPT, 2), (KEPT + 1, 2)):
        server.now = now
        server.disk.require_room()
        assert server.asked == asked


@pytest.mark.parametrize(
    ("says", "line"),
    [
        (Full("could not write"), r"^the database's server: not even 32 MiB are free \(could not write\); make room"),
        (Exception("gone"), r"^the database's server: cannot be tried \(gone\)$"),
    ],
)
def test_that_there_is_none_is_tried_again_after_a_while(says: Exception, line: str) -> None:
    server = Played()
    server.disk.require_room()
    server.says = says
    for now, asked in ((KEPT, 2), (KEPT + AGAIN - 1, 2), (KEPT + AGAIN, 3)):
        server.now = now
        with pytest.raises(HostError, match=line):
            server.disk.require_room()
        assert server.asked == asked
    server.now, server.says = KEPT + 2 * AGAIN, None
    server.disk.require_room()
    server.disk.require_room()
    assert server.asked == 4
