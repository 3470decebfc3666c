"""The outbox: what is to be done because of a fact, written in the transaction that wrote the fact.

Whoever does it takes a message when it is due, by which it is due again after a while: one that nobody finishes is done
once more. Of one kind each key is there once, ever: what is put twice is done once.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select, update

from mecai.errors import HostError
from mecai.service.database import insert_once, reading
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import OUTBOX

LEASE: Final = timedelta(minutes=5)  # that who took a message has for it, before another may
LATE: Final = timedelta(minutes=15)  # so long a message is due at most where somebody does the work
VAIN: Final = 6  # attempts: half an hour lies between the first and the last, so what it takes is not just busy
REACH: Final = timedelta(days=400)  # how long what was done is remembered (docs/spec H3)


@dataclass(frozen=True)
class Message:
    """One thing to do; `attempts` counts this one."""

    id: int
    kind: str
    key: str
    body: Mapping[str, Any]
    created: datetime
    attempts: int


@dataclass(frozen=True)
class Waiting:
    """How many messages of a kind are still to be done, how many of them were tried in vain `VAIN` times or more.

    `due` is when the first of them is, or was, due: a failure puts that off.
    """

    messages: int
    in_vain: int
    due: datetime


def put(
    connection: Connection,
    kind: str,
    key: str,
    body: Mapping[str, Any],
    now: datetime,
    *,
    due: datetime | None,
    topic: str | None = None,
) -> None:
    """Put a message in; `body` is JSON's. One of this kind and key that is there stays as it is.

    What is never `due` (None) another message takes along.
    """
    row = {"kind": kind, "key": key, "topic": topic, "body": json.dumps(body), "created": now, "due": due}
    insert_once(connection, OUTBOX, {**row, "attempts": 0})


def is_in(connection: Connection, kind: str, key: str, *further: ColumnElement[bool]) -> bool:
    """Say whether there is a message of this kind and key, done or not."""
    found = select(OUTBOX.c.id).where(OUTBOX.c.kind == kind, OUTBOX.c.key == key, *further)
    return connection.execute(found).first() is not None


class Outbox:
    """The outbox in a database, for who does what is in it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._sweep = Sweep()

    def take(self, now: datetime, kinds: Collection[str]) -> Message | None:
        """Take the message of these kinds that has been due for longest, None if none is.

        Other kinds wait for who knows them, such as a worker of the next release. Now and then, what is beyond `REACH`
        is dropped.
        """
        due = (
            select(OUTBOX)
            .where(OUTBOX.c.due <= now, OUTBOX.c.kind.in_(kinds))
            .order_by(OUTBOX.c.due, OUTBOX.c.id)
            .limit(1)
        )
        with self.engine.begin() as connection:
            row = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                if self._sweep.due(now):
                    connection.execute(delete(OUTBOX).where(OUTBOX.c.due.is_(None), OUTBOX.c.created < now - REACH))
                return None
            taken = {"due": now + LEASE, "attempts": row.attempts + 1}
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == row.id).values(taken))
        return Message(row.id, row.kind, row.key, json.loads(row.body), row.created, row.attempts + 1)

    def settle(self, message: Message, outcome: str, due: datetime | None = None, failed: bool = False) -> None:
        """Say what came of a message, and when it is due again: never, if it is done or given up.

        An attempt that failed says nothing where another has begun since: that one may have done it.
        """
        row = update(OUTBOX).where(OUTBOX.c.id == message.id)
        if failed:
            row = row.where(OUTBOX.c.attempts == message.attempts)
        with self.engine.begin() as connection:
            connection.execute(row.values(outcome=outcome, due=due))

    def next_due(self, kinds: Collection[str]) -> datetime | None:
        """Return when the next message of these kinds is due, None if there is none."""
        with reading(self.engine) as connection:
            found: datetime | None = connection.execute(
                select(func.min(OUTBOX.c.due)).where(OUTBOX.c.due.isnot(None), OUTBOX.c.kind.in_(kinds))
            ).scalar_one()
        return found

    def waiting(self) -> dict[str, Waiting]:
        """Return what is still to be done, by kind, of every kind."""
        counted = (func.count(), func.count().filter(OUTBOX.c.attempts >= VAIN), func.min(OUTBOX.c.due))
        of_a_kind = select(OUTBOX.c.kind, *counted).where(OUTBOX.c.due.isnot(None)).group_by(OUTBOX.c.kind)
        with reading(self.engine) as connection:
            return {kind: Waiting(*found) for kind, *found in connection.execute(of_a_kind)}

    def require_done(self, now: datetime, patient: Collection[str] = ()) -> None:
        """Raise `HostError` where a message has been due for long, for nobody took it, or was tried in vain for long.

        Those of `patient` kinds may be tried for days.
        """
        waiting = self.waiting()
        _require_in_time(waiting, now)
        vain = [
            f"{found.in_vain} of {kind}" for kind, found in waiting.items() if found.in_vain and kind not in patient
        ]
        if vain:
            tried = f"tried {VAIN} times and more in vain: {', '.join(vain)}"
            raise HostError(f"outbox: {tried}; see the log of `mecai vas work` for why")


def _require_in_time(waiting: Mapping[str, Waiting], now: datetime) -> None:
    late = {kind: now - found.due for kind, found in waiting.items() if now - found.due > LATE}
    if late:
        kind = max(late, key=late.__getitem__)
        raise HostError(f"outbox: {kind} is {late[kind]} late; see that `mecai vas work` runs, of this release")
