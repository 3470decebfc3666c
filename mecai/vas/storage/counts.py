"""How many mails of a day there were about something: rows of the outbox that are never due.

Who has looked holds the count until his transaction ends, on a server too: what he then does of it, nobody else does at
the same time. Of two counts, who takes both takes that of a domain before that of an address.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, or_

from mecai.service.database import insert_into
from mecai.vas.storage.tables import OUTBOX

COUNT: Final = "count"  # the kind of message: `attempts` is the count, `outcome` its day
_DAY: Final = timedelta(days=1)


def count(connection: Connection, what: str, now: datetime, more: int = 0) -> int:
    """Add to the count of the day, in UTC, and return it; the first of a day begins it anew.

    Who is late by a minute counts for the day that has begun. A day that is further away is none, a clock was wrong.
    """
    day, next_day = (f"{each:%Y-%m-%d}" for each in (now, now + _DAY))
    row = {"kind": COUNT, "key": what, "body": "{}", "created": now, "attempts": more, "outcome": day}
    insert = insert_into(connection, OUTBOX).values(row)
    new, there = insert.excluded, OUTBOX.c
    over = or_(there.outcome < day, there.outcome > next_day)
    counted = {
        "attempts": case((over, new.attempts), else_=there.attempts + new.attempts),
        "outcome": case((over, new.outcome), else_=there.outcome),
        "created": case((over, new.created), else_=there.created),
    }
    added = insert.on_conflict_do_update(index_elements=["kind", "key"], set_=counted).returning(there.attempts)
    found: int = connection.execute(added).scalar_one()
    return found
