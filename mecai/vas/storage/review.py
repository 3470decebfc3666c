"""What an operator looks up in the logs: each certificate with all that is known of it, the newest first."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, Row, Table, func, select

from mecai.protocol.pki.identity import HASH_SIZE
from mecai.service.database import reading
from mecai.vas.storage.addresses import ELSEWHERE
from mecai.vas.storage.certificates import Logged, logged
from mecai.vas.storage.mails import AGAIN, OWNER
from mecai.vas.storage.tables import ABOUT, CERTIFICATES, COMPLAINTS, OUTBOX, REQUESTS, VOUCHERS


@dataclass(frozen=True)
class Request:
    """Who asked for a certificate at which addresses."""

    requester: str
    addresses: tuple[str, ...]
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Signed:
    """The vouchers for a certificate: how many, and of the newest, thisUpdate and the perspectives that agreed."""

    vouchers: int = 0
    last: datetime | None = None
    perspectives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reviewed:
    """A certificate of the log: `vouchers` counts those signed, the rest of `signed` is of the newest."""

    certificate_hash: bytes
    logged: Logged
    requests: tuple[Request, ...]
    signed: Signed
    objections: tuple[str, ...]
    notifications: tuple[str, ...]


def review(engine: Engine, limit: int, certificate_hash: bytes | None = None) -> tuple[Reviewed, ...]:
    """Return the newest `limit` certificates of the log, or the one that is named."""
    wanted = select(CERTIFICATES).order_by(CERTIFICATES.c.first_seen.desc(), CERTIFICATES.c.hash).limit(limit)
    if certificate_hash is not None:
        wanted = wanted.where(CERTIFICATES.c.hash == certificate_hash)
    with reading(engine) as connection:
        rows = connection.execute(wanted).all()
        names = [row.hash for row in rows]
        requests = _by_certificate(connection, REQUESTS, names, REQUESTS.c.last)
        objections = _by_certificate(connection, COMPLAINTS, names, COMPLAINTS.c.raised)
        signed = _signed(connection, names)
        told = _notifications(connection, names)
    return tuple(
        Reviewed(
            certificate_hash=row.hash,
            logged=logged(row),
            requests=tuple(map(_request, requests[row.hash])),
            signed=signed.get(row.hash, Signed()),
            objections=tuple(f"{each.domain}: {each.decision or 'not decided'}" for each in objections[row.hash]),
            notifications=told.get(row.hash, ()),
        )
        for row in rows
    )


def _by_certificate(
    connection: Connection, table: Table, names: Sequence[bytes], order: Column[Any]
) -> defaultdict[bytes, list[Row[Any]]]:
    found: defaultdict[bytes, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.certificate_hash.in_(names)).order_by(order)):
        found[row.certificate_hash].append(row)
    return found


def _request(row: Row[Any]) -> Request:
    return Request(row.requester, tuple(row.addresses.split()), row.first, row.last)


def _signed(connection: Connection, names: Sequence[bytes]) -> dict[bytes, Signed]:
    name, time = VOUCHERS.c.certificate_hash, VOUCHERS.c.this_update
    place = func.row_number().over(partition_by=name, order_by=(time.desc(), VOUCHERS.c.serial_number))
    count = func.count().over(partition_by=name)
    of_each = select(name, time, VOUCHERS.c.perspectives, count.label("vouchers"), place.label("place"))
    ranked = of_each.where(name.in_(names)).subquery()
    return {
        row.certificate_hash: Signed(row.vouchers, row.this_update, tuple(json.loads(row.perspectives or "[]")))
        for row in connection.execute(select(ranked).where(ranked.c.place == 1))
    }


def _notifications(connection: Connection, names: Iterable[bytes]) -> dict[bytes, tuple[str, ...]]:
    """Return what the outbox has about certificates, whose keys begin with the hash."""
    keys = {name.hex(): name for name in names}
    told = select(OUTBOX, ABOUT.label("about")).where(ABOUT.in_(keys)).order_by(OUTBOX.c.id)
    found: defaultdict[bytes, list[str]] = defaultdict(list)
    for row in connection.execute(told):
        whom = row.key[2 * HASH_SIZE :].strip()
        state = row.outcome or ("not yet tried" if row.due else "left to the digest of the day")
        whose = " of " if row.kind in {OWNER, AGAIN, ELSEWHERE} else " to "
        found[keys[row.about]].append(f"{row.kind}{whose + whom if whom else ''}: {state}")
    return {name: tuple(lines) for name, lines in found.items()}
