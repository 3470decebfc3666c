"""The outbox's digests: what a mailbox was not told of by a mail each, in one at the end of the day, or in parts.

Each certificate is in one digest, and stays in it, for a digest that is tried again says the same. Which are in none is
asked, and changed, by who holds the count of the mailbox's mails (`mecai.vas.storage.counts`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from mecai.vas.storage.outbox import is_in, put
from mecai.vas.storage.tables import OUTBOX

DIGEST: Final = "digest"  # the kinds of message: a mail about all of a day that were too many,
UNTOLD: Final = "untold"  # and each of those; the outcome says which digest it is in
LINES: Final = 1000  # certificates in one mail, of some hundred octets each; those beyond are in the next
_DAY: Final = timedelta(days=1)
_WHOM: Final = 66  # where the mailbox begins in the key of `UNTOLD`, after a SHA-256 in hexadecimal and a blank
_TOPIC: Final = 253  # characters that a topic may have; an address may have more


@dataclass(frozen=True)
class Part:
    """What one mail of a digest is about: the bodies of `UNTOLD`, and whether another mail follows."""

    untold: Sequence[Mapping[str, Any]]
    follows: bool

    @property
    def to(self) -> str:
        """The address of its mailbox as contacts have it, best the plain one."""
        found: str = min((each["to"] for each in self.untold), key=lambda each: "+" in each)
        return found


def mailbox(contact: str) -> str:
    """Name the mailbox of an address: letters in either case lead to it, and whatever follows a `+`."""
    local, _, domain = contact.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def put_untold(connection: Connection, domain: str, contact: str, body: Mapping[str, Any], now: datetime) -> None:
    """Leave it to a digest to tell a contact of a domain about the `certificate` of `body`."""
    box = mailbox(contact)
    topic = box[:_TOPIC]
    put(
        connection,
        UNTOLD,
        _key(domain, contact, body),
        {**body, "to": contact, "domain": domain},
        now,
        due=None,
        topic=topic,
    )
    day = now.replace(hour=0, minute=0, second=0)
    while is_in(connection, DIGEST, f"{box} {day:%Y-%m-%d}", OUTBOX.c.attempts > 0):
        day += _DAY  # that one may have been begun while `now` was looking for contacts, or by another clock
    digest = {"to": box, "domain": topic, "day": f"{day:%Y-%m-%d}"}
    put(connection, DIGEST, f"{box} {digest['day']}", digest, now, due=day + _DAY, topic=topic)


def is_left(connection: Connection, domain: str, contact: str, body: Mapping[str, Any]) -> bool:
    """Say whether it is left to a digest to tell a contact of a domain what is in `body`."""
    return is_in(connection, UNTOLD, _key(domain, contact, body))


def take_part(connection: Connection, digest: Mapping[str, Any], now: datetime) -> Part:
    """Return what a digest with this body is about: the oldest that are in none. For those beyond, put in another."""
    following = {**digest, "part": digest.get("part", 1) + 1}
    key, taken = f"{digest['to']} {digest['day']} part {following['part']}", _name(digest)
    rows = connection.execute(_untold(digest).where(OUTBOX.c.outcome == taken)).all()
    if not rows:
        rows = connection.execute(_untold(digest).where(OUTBOX.c.outcome.is_(None)).limit(LINES + 1)).all()
        if len(rows) > LINES:
            put(connection, DIGEST, key, following, now, due=now, topic=digest["domain"])
        rows = rows[:LINES]
        connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_([row.id for row in rows])).values(outcome=taken))
    return Part([json.loads(row.body) for row in rows], is_in(connection, DIGEST, key))


def _untold(digest: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the type of a SELECT has its columns'
    """Return the query for those of a digest's mailbox; of an address and a domain, if the release before put it in."""
    whom = func.substr(OUTBOX.c.key + " ", _WHOM, len(digest["to"]) + 1)
    mine = OUTBOX.c.kind == UNTOLD, OUTBOX.c.topic == digest["domain"], whom == f"{digest['to']} "
    return select(OUTBOX.c.id, OUTBOX.c.body).where(*mine).order_by(OUTBOX.c.id)


def _key(domain: str, contact: str, body: Mapping[str, Any]) -> str:
    notice = f" of {body['notice']}" if "notice" in body else ""
    return f"{body['certificate']} {mailbox(contact)} about {domain}{notice}"


def _name(digest: Mapping[str, Any]) -> str:
    return f"in the digest of {digest['day']}" + (f", part {digest['part']}" if "part" in digest else "")
