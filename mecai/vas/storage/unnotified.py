"""Domains of certificates whose owners nobody named (docs/spec H3): what the public feed says of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, delete, select

from mecai.service.database import keep_newest, reading
from mecai.vas.storage.outbox import put
from mecai.vas.storage.tables import OUTBOX

UNNOTIFIED: Final = "unnotified"  # the kind of message: never due, for it waits for readers
KEPT: Final = 1000  # of them, the newest: anybody may have domains that name nobody, as many as he likes
SHOWN: Final = 100  # at once

_OF_THE_KIND: Final = OUTBOX.c.kind == UNNOTIFIED


@dataclass(frozen=True)
class Unnotified:
    """A certificate (SHA-256, hexadecimal) and one of its registered domains, noted at a time; when its hold ends."""

    certificate: str
    domain: str
    noted: datetime
    hold_end: datetime | None


class UnnotifiedLog:
    """The notes in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, domain: str, body: Mapping[str, Any], now: datetime) -> None:
        """Note that nobody is known who owns a domain of the `certificate` of a mail's body."""
        said = {"certificate": body["certificate"], "domain": domain, "holdEnd": body["holdEnd"]}
        with self._engine.begin() as connection:
            put(connection, UNNOTIFIED, f"{body['certificate']} {domain}", said, now, due=None)
            keep_newest(connection, OUTBOX.c.id, _OF_THE_KIND, KEPT)

    def withdraw(self, domain: str, certificate: str) -> None:
        """Take the note back: somebody is known."""
        with self._engine.begin() as connection:
            connection.execute(delete(OUTBOX).where(_OF_THE_KIND, OUTBOX.c.key == f"{certificate} {domain}"))

    def listed(self) -> tuple[Unnotified, ...]:
        """Return the newest notes, the newest first."""
        rows = select(OUTBOX.c.body, OUTBOX.c.created).where(_OF_THE_KIND).order_by(OUTBOX.c.id.desc()).limit(SHOWN)
        with reading(self._engine) as connection:
            return tuple(_read(json.loads(row.body), row.created) for row in connection.execute(rows))


def _read(body: Mapping[str, Any], noted: datetime) -> Unnotified:
    end = body["holdEnd"]
    return Unnotified(body["certificate"], body["domain"], noted, datetime.fromisoformat(end) if end else None)
