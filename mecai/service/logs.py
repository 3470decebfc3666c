"""Structured logs: a service writes one JSON object per line to standard output, and journald or a collector reads it.

Modules log with `logging.getLogger(__name__)` and give facts in `extra=`; what a key is called there, it is called in
the line. Secrets are never given to a logger. What is logged while a request is answered has that request's id.
"""

import json
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from typing import Final, TypeVar

Asked = TypeVar("Asked")
Result = TypeVar("Result")

# The id of the request that is being answered: set by whoever takes requests, for the time of one.
REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request id", default=None)

# The attributes that every record has: whatever else a record carries came from `extra=`.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One record as one line of JSON: time (RFC 3339, UTC), level, logger, message, requestId, what `extra=` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end; an exception's traceback goes into `exception`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            line["requestId"] = request_id
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_json(level: int = logging.INFO) -> None:
    """Send the logs of this process to standard output as JSON lines; calling it again changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    root.setLevel(level)


def carried(work: Callable[[Asked], Result]) -> Callable[[Asked], Result]:
    """Return `work` for the threads of a pool: what they log has the id of the request that is being answered here."""
    context = copy_context()
    return lambda asked: context.copy().run(work, asked)
