"""What clients saw, told by themselves or passed on by other VAs (docs/spec F1 to F4): each once, and so many a day.

That a report is to be passed on is written in the transaction that stores it, and only where a client brought it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from sqlalchemy import Connection, Engine, Row, Select, delete, func, select

from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import address_octets, address_text, hash_of
from mecai.service.database import insert_once, reading
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.outbox import put
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import OUTBOX, REPORTS

REPORT: Final = "report"  # the kinds of message in the outbox: a report to be passed on,
INCIDENT: Final = "incident"  # a notice to be sent,
FORWARD: Final = "forward"  # and either to one VA
KEPT: Final = timedelta(days=90)
PER_DAY: Final = 1000  # new reports of all clients, and of each VA
PER_CERTIFICATE: Final = 20  # new reports of one certificate by clients, a day
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Filed:
    """A report in the database: by the client `reporter`, or by way of the VA `authority`."""

    id: int
    report: Report
    received: datetime
    reporter: str | None
    authority: bytes | None


class ReportLog:
    """The reports in a database; none is to be seen after `KEPT`, whether or not it was dropped already."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sweep = Sweep(_HOUR)

    def keep(
        self, report: Report, now: datetime, *, reporter: str | None = None, authority: bytes | None = None
    ) -> bool:
        """Store a report unless its certificate, address and day are there, and say whether it was stored.

        Raises `Refusal` (too-many-requests) for what is new beyond the bounds of a day.
        """
        row = {**_row(report), "received": now, "reporter": reporter, "authority": authority}
        self.sweep(now)
        with self._engine.begin() as connection:
            if not insert_once(connection, REPORTS, row):
                return False
            _require_room(connection, row, now)
            if authority is None:
                once = [REPORTS.c[name] == row[name] for name in _ONCE]
                number: int = connection.execute(select(REPORTS.c.id).where(*once)).scalar_one()
                put(connection, REPORT, f"report {number}", {"name": number}, now, due=now)
        return True

    def sweep(self, now: datetime) -> None:
        """Drop old reports, with who made them, and what was done long ago to pass reports on: once in an hour.

        Each in a transaction of its own: looking through what was done takes long, and nobody can write meanwhile.
        """
        if not self._sweep.due(now):
            return
        passed_on = OUTBOX.c.kind.in_((REPORT, FORWARD)), OUTBOX.c.due.is_(None), OUTBOX.c.created < now - KEPT
        for old in (delete(REPORTS).where(REPORTS.c.received < now - KEPT), delete(OUTBOX).where(*passed_on)):
            with self._engine.begin() as connection:
                connection.execute(old)

    def find(self, number: int, now: datetime) -> Filed | None:
        """Return a report by its id, None if it is no longer kept."""
        with reading(self._engine) as connection:
            row = connection.execute(_kept(now).where(REPORTS.c.id == number)).one_or_none()
        return _filed(row) if row else None

    def listed(self, limit: int, now: datetime, before: int | None = None) -> Sequence[Filed]:
        """Return the newest reports, at most `limit`, of those that came before the one of the id `before`."""
        newest = _kept(now).order_by(REPORTS.c.id.desc()).limit(limit)
        if before is not None:
            newest = newest.where(REPORTS.c.id < before)
        with reading(self._engine) as connection:
            return tuple(map(_filed, connection.execute(newest)))


_ONCE: Final = ("certificate_hash", "address", "day")  # docs/spec F2


def _kept(now: datetime) -> Select[Any]:
    return select(REPORTS).where(REPORTS.c.received >= now - KEPT)


def _require_room(connection: Connection, row: dict[str, Any], now: datetime) -> None:
    """Count what came from the same source in a day, this one included."""
    source = REPORTS.c.authority == row["authority"] if row["authority"] else REPORTS.c.authority.is_(None)
    bounds = {"reports in a day": (PER_DAY, source)}
    if row["authority"] is None:
        of_certificate = source & (REPORTS.c.certificate_hash == row["certificate_hash"])
        bounds["reports of one certificate in a day"] = (PER_CERTIFICATE, of_certificate)
    for counted, (bound, which) in bounds.items():
        today = select(func.count()).select_from(REPORTS).where(REPORTS.c.received > now - _DAY, which)
        if connection.execute(today).scalar_one() > bound:
            raise Refusal(Code.TOO_MANY_REQUESTS, f"more than {bound} {counted}", retry=timedelta(hours=1))


def _row(report: Report) -> dict[str, Any]:
    return {
        "certificate_hash": hash_of(report.chain[0]),
        "address": address_text(report.address),
        "day": f"{report.time:%Y-%m-%d}",
        "chain": "\n".join(map(encode_certificate, report.chain)),
        "port": report.port,
        "time": report.time,
        "verdict": report.verdict.value,
        "reason": report.reason,
        "text": report.text,
    }


def _filed(row: Row[Any]) -> Filed:
    chain = tuple(x509.load_der_x509_certificate(base64.b64decode(line)) for line in row.chain.split())
    address, verdict = address_octets(row.address), Verdict(row.verdict)
    report = Report(chain, address, row.port, row.time, verdict, row.reason, row.text)
    return Filed(row.id, report, row.received, row.reporter, row.authority)
