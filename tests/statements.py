"""The statements that a database is asked, however they reach its driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from mecai.service.statement import Statement

Asked = list[tuple[str, Any]]


@contextmanager
def asked(engine: Engine) -> Iterator[Asked]:
    """Give the list of statements, with their parameters as the driver takes them, that grows meanwhile."""
    found: Asked = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            found.append((statement, parameters))

    def noted(self: Statement, values: Any) -> list[Any]:
        found.append((self.text, values))
        return run(self, values)

    run = Statement._run
    event.listen(engine, "before_cursor_execute", note)
    try:
        with patch.object(Statement, "_run", noted):
            yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
