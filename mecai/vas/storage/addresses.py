"""At which addresses a certificate of the log was seen, and which notice tells its owner of new ones (docs/spec H10).

Those of the first sight are known: the mail of that names them. Of what comes later the first of a day is told soon,
and all else when the day is over. Whoever adds to the addresses of a certificate, or takes what is to be told, has its
row of the log until his transaction ends: nothing comes between what he sees and what he makes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, select, update

from mecai.protocol.pki.identity import address_text
from mecai.service.database import reading
from mecai.vas.storage.outbox import is_in, put
from mecai.vas.storage.tables import ADDRESSES, CERTIFICATES, OUTBOX

ELSEWHERE: Final = "elsewhere"  # the kind of message: the owner of a certificate is to be told of new addresses
KEPT: Final = 1000  # addresses of one certificate, the first: any host that passes its server's answers on is one more
GATHERED: Final = timedelta(minutes=1)  # how long the first of a day waits for others, as of a cluster's servers
_DAY: Final = timedelta(days=1)
_AT_FIRST: Final = "at first"  # the notice of those that need none
_BEFORE: Final = 20  # addresses that were known before, the first: what a notice needs of them


@dataclass(frozen=True)
class Sighting:
    """A text of an address, and when a probe saw the certificate there first."""

    address: str
    first: datetime


@dataclass(frozen=True)
class Moved:
    """What a notice tells: the new addresses, the first of those known before, and how many of both there are now.

    From `KEPT` on further ones are not told apart: then there may be no new one.
    """

    new: Sequence[Sighting]
    before: Sequence[Sighting]
    total: int

    @property
    def is_full(self) -> bool:
        """Whether there may be more than these."""
        return self.total >= KEPT


class AddressLog:
    """The addresses in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, certificate_hash: bytes, addresses: Sequence[bytes], requester: str, now: datetime) -> None:
        """Note where a probe has just seen a certificate of the log; what is new is to be told."""
        seen = list(map(address_text, addresses))
        if not self._is_any_new(certificate_hash, seen):
            return
        with self._engine.begin() as connection:
            if not _hold(connection, certificate_hash) or not (new := _unknown(connection, certificate_hash, seen)):
                return
            there = _count(connection, certificate_hash)
            row = {"certificate_hash": certificate_hash, "first": now, "told": None if there else _AT_FIRST}
            if rows := [{**row, "address": each} for each in new[: KEPT - there]]:
                connection.execute(insert(ADDRESSES), rows)
            if there:
                _put(connection, certificate_hash, requester, now)

    def _is_any_new(self, certificate_hash: bytes, seen: Sequence[str]) -> bool:
        with reading(self._engine) as connection:
            return bool(_unknown(connection, certificate_hash, seen))

    def take(self, certificate_hash: bytes, notice: str) -> Moved:
        """Return what a notice tells, the same each time: all that no other one has, when it is first asked."""
        of = ADDRESSES.c.certificate_hash == certificate_hash
        mine, others = ADDRESSES.c.told == notice, ADDRESSES.c.told != notice
        with self._engine.begin() as connection:
            _hold(connection, certificate_hash)
            if not (new := _sightings(connection, of & mine, KEPT)):
                connection.execute(update(ADDRESSES).where(of, ADDRESSES.c.told.is_(None)).values(told=notice))
                new = _sightings(connection, of & mine, KEPT)
            before = _sightings(connection, of & others, _BEFORE)
            return Moved(new, before, _count(connection, certificate_hash))


def _hold(connection: Connection, certificate_hash: bytes) -> bool:
    """Let nobody else in; say whether the certificate is still in the log."""
    row = select(CERTIFICATES.c.hash).where(CERTIFICATES.c.hash == certificate_hash)
    return connection.execute(row.with_for_update(key_share=True)).first() is not None


def _unknown(connection: Connection, certificate_hash: bytes, seen: Sequence[str]) -> list[str]:
    row = ADDRESSES.c
    known = select(row.address).where(row.certificate_hash == certificate_hash, row.address.in_(seen))
    return sorted(set(seen).difference(connection.execute(known).scalars()))


def _count(connection: Connection, certificate_hash: bytes) -> int:
    row = select(func.count()).where(ADDRESSES.c.certificate_hash == certificate_hash)
    return connection.execute(row).scalar_one()


def _sightings(connection: Connection, of: Any, most: int) -> tuple[Sighting, ...]:  # noqa: ANN401 - SQLAlchemy's
    found = select(ADDRESSES.c.address, ADDRESSES.c.first).where(of)
    rows = connection.execute(found.order_by(ADDRESSES.c.first, ADDRESSES.c.address).limit(most))
    return tuple(Sighting(*row) for row in rows)


def _put(connection: Connection, certificate_hash: bytes, requester: str, now: datetime) -> None:
    """Leave it to the first notice of the day that nobody has begun, soon or when the day is over."""
    name, day = certificate_hash.hex(), now.replace(hour=0, minute=0, second=0)
    while True:
        for rest, due in (("", now + GATHERED), (", the rest", day + _DAY)):
            notice = f"{day:%Y-%m-%d}{rest}"
            key = f"{name} {notice}"
            if not is_in(connection, ELSEWHERE, key, OUTBOX.c.attempts > 0):
                body = {"certificate": name, "requester": requester, "notice": notice}
                put(connection, ELSEWHERE, key, body, now, due=due)
                return
        day += _DAY  # that one may have been begun by another clock
