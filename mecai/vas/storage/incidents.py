"""Incident notices of VAs, this one's own among them (docs/spec F6 to F8), each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Row, select

from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.pki.identity import sha256
from mecai.service.database import insert_once, keep_newest, reading
from mecai.vas.storage.outbox import put
from mecai.vas.storage.reports import INCIDENT
from mecai.vas.storage.tables import INCIDENTS

_KEPT: Final = 1000  # of one VA, those that it made last


@dataclass(frozen=True)
class Notice:
    """An incident notice in the database; `hash` is SHA-256 of what is signed, `der` the whole signed notice."""

    hash: bytes
    incident: Incident
    received: datetime
    der: bytes


class IncidentLog:
    """The notices in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, incident: Incident, der: bytes, now: datetime, *, own: bool = False) -> bytes:
        """Store a notice unless it is there, and return by which hash; one of this VA's own is to be sent then."""
        name = sha256(incident.encode())
        row = {
            "hash": name,
            "authority": incident.authority,
            "kind": incident.kind.value,
            "subject": incident.subject,
            "time": incident.time,
            "reason": incident.reason,
            "received": now,
            "der": der,
        }
        with self._engine.begin() as connection:
            if insert_once(connection, INCIDENTS, row):
                if own:
                    put(connection, INCIDENT, name.hex(), {"name": name.hex()}, now, due=now)
                keep_newest(connection, INCIDENTS.c.time, INCIDENTS.c.authority == incident.authority, _KEPT)
        return name

    def find(self, name: bytes) -> Notice | None:
        """Return the notice of this hash, None if it is not here."""
        with reading(self._engine) as connection:
            row = connection.execute(select(INCIDENTS).where(INCIDENTS.c.hash == name)).one_or_none()
        return _notice(row) if row else None

    def listed(self) -> Sequence[Notice]:
        """Return all notices, the newest first."""
        newest = select(INCIDENTS).order_by(INCIDENTS.c.time.desc(), INCIDENTS.c.hash)
        with reading(self._engine) as connection:
            return tuple(map(_notice, connection.execute(newest)))


def _notice(row: Row[Any]) -> Notice:
    incident = Incident(row.authority, Kind(row.kind), row.subject, row.time, row.reason)
    return Notice(row.hash, incident, row.received, row.der)
