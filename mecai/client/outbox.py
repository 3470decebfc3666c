"""Reports on their way to Voucher Authorities, in a file: for programs that end before an authority answers.

`mecai.client.private_file` says how it is kept. What is in it is a trace of sites that were refused, so nothing stays
for longer than an authority takes it (docs/spec F1: 48 hours), nor do more than some: what was seen first tells most,
and a flood of refusals must not wash it out. The first of a certificate, an address and a day stands for all of them.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from mecai.client.private_file import PrivateFile
from mecai.client.report import report_name
from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.report import Report
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.names import dns_names

REPORTS: Final = 64  # at most, of 64 KiB each
OF_A_CERTIFICATE: Final = 4  # of them at most: whoever attacks may show it at many addresses
PATIENCE: Final = 0.05  # seconds that another process may hold the file where a connection waits
UNHURRIED: Final = 5.0  # the same where none does
LEASE: Final = timedelta(seconds=60)  # that one process has to tell one authority, before another may
_MARK: Final = 0x4D454352  # "MECR"
_TABLES: Final = (
    """
CREATE TABLE report (
  name TEXT PRIMARY KEY, certificate BLOB NOT NULL, made INTEGER NOT NULL, site TEXT NOT NULL, reason TEXT NOT NULL,
  held INTEGER NOT NULL, body BLOB NOT NULL
) STRICT""",
    """
CREATE TABLE delivery (
  report TEXT NOT NULL, authority BLOB NOT NULL, due INTEGER, tries INTEGER NOT NULL, said TEXT NOT NULL,
  PRIMARY KEY (report, authority)
) STRICT""",
)
_OLD: Final = "DELETE FROM report WHERE made <= ?"
_ORPHANS: Final = "DELETE FROM delivery WHERE report NOT IN (SELECT name FROM report)"
_COUNT: Final = "SELECT count(*), count(*) FILTER (WHERE certificate = ?) FROM report"
_CLAIM: Final = """
UPDATE delivery SET due = :until, tries = tries + 1 WHERE rowid = (
  SELECT delivery.rowid FROM delivery JOIN report ON report.name = delivery.report
  WHERE NOT report.held AND delivery.due <= :now AND report.made > :oldest ORDER BY delivery.due LIMIT 1)
RETURNING report, authority, tries
"""
_NEXT: Final = "SELECT min(due) FROM delivery JOIN report ON name = report WHERE NOT held AND made > ?"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Delivery:
    """One report on its way to one authority. `due` is None when it has come to its end, as `said` tells."""

    authority: bytes
    due: datetime | None
    tries: int
    said: str


@dataclass(frozen=True)
class Kept:
    """A report of the file; `held`: it waits for a person's word. `site` is a name of the certificate, and the port."""

    name: str
    made: datetime
    site: str
    reason: str
    held: bool
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True)
class Claim:
    """What one process is to tell now; `tries` counts this one."""

    report: str
    authority: bytes
    tries: int
    body: bytes


class Outbox:
    """Reports and to whom each goes; safe for threads and processes."""

    def __init__(self, path: Path) -> None:
        self._file = PrivateFile(path, _MARK, 1, _TABLES, "outbox of reports", "nothing is reported")
        self.path = path

    def put(
        self, report: Report, body: bytes, authorities: Sequence[bytes], now: datetime, *, held: bool
    ) -> bool | None:
        """Keep a report; None: there is no room, or the file cannot be used. One that is there stays as it is.

        Returns whether something is still to be done about it: it is new, or it waits for a person's word.
        """
        name, certificate = report_name(report), hash_of(report.chain[0])
        row = (name, certificate, _seconds(report.time), _site(report), report.reason or "", held, body)

        def write(file: sqlite3.Connection) -> bool | None:
            _expire(file, now)
            if found := file.execute("SELECT held FROM report WHERE name = ?", (name,)).fetchone():
                return bool(found[0])
            count, of_certificate = file.execute(_COUNT, (certificate,)).fetchone()
            if count >= REPORTS or of_certificate >= OF_A_CERTIFICATE:
                return None
            file.execute("INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            due = _seconds(now)
            file.executemany(
                "INSERT INTO delivery VALUES (?, ?, ?, 0, '')", [(name, each, due) for each in authorities]
            )
            return True

        return self._file.using(write, None, PATIENCE)

    def claim(self, now: datetime) -> Claim | None:
        """Take what is due longest, for `LEASE`; None where nothing is."""

        def write(file: sqlite3.Connection) -> Claim | None:
            times = {"now": _seconds(now), "until": _seconds(now + LEASE), "oldest": _oldest(now)}
            if (found := file.execute(_CLAIM, times).fetchone()) is None:
                return None
            report, authority, tries = found
            (body,) = file.execute("SELECT body FROM report WHERE name = ?", (report,)).fetchone()
            return Claim(report, authority, tries, body)

        return self._file.using(write, None, UNHURRIED)

    def settle(self, claim: Claim, said: str, due: datetime | None) -> None:
        """Note what became of a claim, and when it is tried again: never, for None."""
        values = (_seconds(due) if due else None, said, claim.report, claim.authority)

        def write(file: sqlite3.Connection) -> None:
            file.execute("UPDATE delivery SET due = ?, said = ? WHERE report = ? AND authority = ?", values)

        self._file.using(write, None, UNHURRIED)

    def next_due(self, now: datetime) -> datetime | None:
        """Return when something is due next, which may have been before `now`."""

        def read(file: sqlite3.Connection) -> int | None:
            (due,) = file.execute(_NEXT, (_oldest(now),)).fetchone()
            return int(due) if due is not None else None

        due = self._file.using(read, None, UNHURRIED)
        return _moment(due) if due is not None else None

    def list(self, now: datetime) -> tuple[Kept, ...]:
        """Return all of them, the oldest first; raises `HostError`."""
        return self._strictly(lambda file: tuple(_kept(file)), now)

    def release(self, name: str, now: datetime) -> None:
        """Let one go that a person agrees to, and try again at once what failed; raises `InputError`, `HostError`."""

        def write(file: sqlite3.Connection) -> None:
            _require(file, name)
            file.execute("UPDATE report SET held = 0 WHERE name = ?", (name,))
            file.execute("UPDATE delivery SET due = ? WHERE report = ? AND due IS NOT NULL", (_seconds(now), name))

        self._strictly(write, now)

    def drop(self, name: str, now: datetime) -> None:
        """Forget one, whoever has been told of it already; raises `InputError`, `HostError`."""

        def write(file: sqlite3.Connection) -> None:
            _require(file, name)
            file.execute("DELETE FROM report WHERE name = ?", (name,))
            file.execute(_ORPHANS)

        self._strictly(write, now)

    def _strictly(self, work: Callable[[sqlite3.Connection], Result], now: datetime) -> Result:
        def after_expiry(file: sqlite3.Connection) -> Result:
            _expire(file, now)
            return work(file)

        return self._file.strictly(after_expiry, UNHURRIED)


def _expire(file: sqlite3.Connection, now: datetime) -> None:
    """Forget what no authority would take any more (F1)."""
    file.execute(_OLD, (_oldest(now),))
    file.execute(_ORPHANS)


def _require(file: sqlite3.Connection, name: str) -> None:
    if not file.execute("SELECT 1 FROM report WHERE name = ?", (name,)).fetchone():
        raise InputError(f"{name}: no such report; `mecai client reports list` has their names")


def _kept(file: sqlite3.Connection) -> Iterator[Kept]:
    rows = file.execute("SELECT name, made, site, reason, held FROM report ORDER BY made, name").fetchall()
    query = "SELECT authority, due, tries, said FROM delivery WHERE report = ? ORDER BY authority"
    for name, made, site, reason, held in rows:
        deliveries = tuple(
            Delivery(authority, _moment(due) if due is not None else None, tries, said)
            for authority, due, tries, said in file.execute(query, (name,))
        )
        yield Kept(name, _moment(made), site, reason, bool(held), deliveries)


def _site(report: Report) -> str:
    """Say for a person which server it is about, by what leaves with the report in any case."""
    names = dns_names(report.chain[0])
    return f"{names[0] if names else '?'}:{report.port}"


def _oldest(now: datetime) -> int:
    return _seconds(now - LIMITS.report_age)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
