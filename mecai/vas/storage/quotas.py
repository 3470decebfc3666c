"""Counts that nodes share (docs/spec R9): how often a key was seen by all of them in the window that runs.

A key's window begins with what is counted first, and is measured by the database's clock: a node whose own is wrong
ends nobody's. PostgreSQL keeps the table out of what it writes ahead: a crash begins all windows anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, case, delete, or_

from mecai.service.database import clock_of, insert_into, one_write
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import QUOTAS

_LONGEST: Final = 2  # windows that a window may last: one of a time when the clock was ahead ends at once


@dataclass(frozen=True)
class Counted:
    """How often a key was seen by all nodes in a window, and how long that one still lasts."""

    count: int
    left: timedelta


class QuotaLog:
    """The shared counts in a database."""

    def __init__(self, engine: Engine, clock: Callable[[Connection], datetime] = clock_of) -> None:
        """Count in this database, by its `clock`."""
        self._engine = engine
        self._clock = clock
        self._sweep = Sweep()
        insert = insert_into(engine, QUOTAS)
        new, ends = insert.excluded, QUOTAS.c.ends
        over = or_(ends <= bindparam("now", type_=ends.type), ends > bindparam("latest", type_=ends.type))
        running = {
            "count": case((over, new.count), else_=QUOTAS.c.count + new.count),
            "ends": case((over, new.ends), else_=ends),
        }
        added = insert.on_conflict_do_update(index_elements=[QUOTAS.c.key], set_=running)
        self._add: Final = added.returning(QUOTAS.c.count, ends)

    def add(self, counts: Mapping[str, int], window: timedelta) -> dict[str, Counted]:
        """Add to each key's count, in windows of this length; return what all nodes have counted by then."""
        found = {}
        with one_write(self._engine) as connection:
            now = self._clock(connection)
            times = {"ends": now + window, "now": now, "latest": now + _LONGEST * window}
            for key, new in counts.items():
                count, ends = connection.execute(self._add, {"key": key, "count": new, **times}).one()
                found[key] = Counted(count, ends - now)
            if self._sweep.due(now):
                connection.execute(delete(QUOTAS).where(QUOTAS.c.ends <= now))
        return found
