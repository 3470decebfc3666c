"""The certificate log (docs/spec H1): every certificate that a probe has seen for a valid request, until it expires.

Each method is one transaction, on disk when it returns. What a first sight sets off, mail to the domain's owner, is
written in the same one: neither is there without the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text, spki_hash
from mecai.protocol.pki.malleability import equivalent_hashes
from mecai.protocol.pki.names import dns_names
from mecai.service.database import insert_into, insert_once, keep_newest, one_write, reading
from mecai.service.statement import Statement
from mecai.vas.storage.outbox import put
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import CERTIFICATES, NAMES, REQUESTS

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

FIRST_SIGHT: Final = "first-sight"  # the kind of message in the outbox
SETTLED_AFTER: Final = timedelta(seconds=30)  # by then it is known whether the hold ended at once (H5, R4)
_REQUESTS_KEPT: Final = 100  # of one certificate, the newest: requesters are made up at no cost
_BEYOND: Final = 10  # more, until the oldest are forgotten
_NONE: Final[ColumnElement[Any]] = literal_column("0")  # an offset; for SQLite the library would add one, as a value

_NAMES_KEPT: Final = 1000  # of one certificate, the first
_LONGEST_NAME: Final = 253  # characters of a name that is one (I8)


_NEW_NOTE: Final = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in REQUESTS.c}
_CROWDED: Final = (
    select(REQUESTS.c.last)
    .where(REQUESTS.c.certificate_hash == bindparam("asked_hash"))
    .order_by(REQUESTS.c.last.desc())
    .offset(literal_column(f"{_REQUESTS_KEPT + _BEYOND}"))
    .limit(literal_column("1"))
)
LOGGED: Final = ("der", "issuers", "first_seen", "released", "released_by", "disputed")  # what `logged` reads of a row


@dataclass(frozen=True)
class Logged:
    """What the log says of a certificate; times are None for what has not happened."""

    der: bytes = field(repr=False)
    issuers: bytes = field(repr=False)  # PEM
    first_seen: datetime
    released: datetime | None
    released_by: str | None
    disputed: datetime | None

    @cached_property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates of the request that was logged first, end entity first, root left out."""
        issuers = x509.load_pem_x509_certificates(self.issuers) if self.issuers else ()
        return (x509.load_der_x509_certificate(self.der), *issuers)


class CertificateLog:
    """The certificate log in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sweep = Sweep()
        name, columns = CERTIFICATES.c, [CERTIFICATES.c[column] for column in LOGGED]
        newest = select(*columns).where(name.spki == bindparam("asked_spki")).order_by(name.first_seen.desc())
        self._by_hash: Final = Statement(engine, select(*columns).where(name.hash == bindparam("asked_hash")))
        self._by_key: Final = Statement(engine, newest.limit(bindparam("asked_limit", type_=Integer)).offset(_NONE))
        self._note_of: Final = Statement(engine, _noting(engine, _NEW_NOTE).returning(REQUESTS.c.last))
        self._crowded: Final = Statement(engine, _CROWDED)

    def sight(self, request: VoucherRequest, requester: str, now: datetime) -> Logged:
        """Log a request's certificate, which a probe has just seen, and return what the log says of it by then."""
        name = request.hashes[0]
        row = {**_row(request), "first_seen": now}
        with self._engine.begin() as connection:
            if self._sweep.due(now):
                connection.execute(delete(CERTIFICATES).where(CERTIFICATES.c.expires < now))
            if insert_once(connection, CERTIFICATES, row):
                _note_names(connection, name, request.chain[0])
                _note_dispute(connection, name)
                put(connection, FIRST_SIGHT, name.hex(), _message(request, requester), now, due=now + SETTLED_AFTER)
            connection.execute(_noting(self._engine, _note(request, requester, now)))
            _forget_oldest(connection, request)
            return logged(connection.execute(select(CERTIFICATES).where(CERTIFICATES.c.hash == name)).one())

    def note(self, request: VoucherRequest, requester: str, now: datetime) -> None:
        """Note that somebody asked for a certificate that the log knows, which a probe has just seen."""
        row = _note(request, requester, now)
        self._note_of.first({f"new_{name}": value for name, value in row.items()})
        if self._crowded.first({"asked_hash": request.hashes[0]}) is not None:
            with one_write(self._engine) as connection:
                _forget_oldest(connection, request)

    def find(self, certificate_hash: bytes) -> Logged | None:
        """Return what the log says of a certificate, None if it does not know it."""
        row = self._by_hash.first({"asked_hash": certificate_hash})
        return logged(row) if row else None

    def with_key(self, spki: bytes, limit: int) -> tuple[Logged, ...]:
        """Return the certificates of a key (SHA-256 of its SubjectPublicKeyInfo), at most `limit`, the newest first."""
        return tuple(map(logged, self._by_key.all({"asked_spki": spki, "asked_limit": limit})))

    def for_domain(self, domain: str, limit: int) -> tuple[Logged, ...]:
        """Return the certificates for a DNS name without `*.`, lower-case, at most `limit`, the newest first."""
        found = (
            select(CERTIFICATES).join(NAMES).where(NAMES.c.name == domain).order_by(CERTIFICATES.c.first_seen.desc())
        )
        with reading(self._engine) as connection:
            return tuple(map(logged, connection.execute(found.limit(limit))))

    def held(self, since: datetime) -> int:
        """Count the certificates that were first seen after `since` and that nothing has released."""
        name = CERTIFICATES.c
        waiting = select(func.count()).where(name.first_seen > since, name.released.is_(None))
        with reading(self._engine) as connection:
            return connection.execute(waiting).scalar_one()

    def release(self, certificate_hash: bytes, now: datetime, by: str) -> None:
        """End a hold: `by` says what did (renewal, succession, expedite). What was released stays as it was."""
        row = (CERTIFICATES.c.hash == certificate_hash) & CERTIFICATES.c.released.is_(None)
        with self._engine.begin() as connection:
            connection.execute(update(CERTIFICATES).where(row).values(released=now, released_by=by))


def _noting(engine: Engine, row: Mapping[str, Any]) -> "postgresql.Insert | sqlite.Insert":
    """Return the statement that notes who asked for which addresses, or that he did so again."""
    noted = insert_into(engine, REQUESTS).values(dict(row))
    again = {"last": noted.excluded.last}
    return noted.on_conflict_do_update(index_elements=list(REQUESTS.primary_key), set_=again)


def _forget_oldest(connection: Connection, request: VoucherRequest) -> None:
    keep_newest(connection, REQUESTS.c.last, REQUESTS.c.certificate_hash == request.hashes[0], _REQUESTS_KEPT)


def _note(request: VoucherRequest, requester: str, now: datetime) -> dict[str, Any]:
    return {**note_of(request, requester), "first": now, "last": now}


def note_of(request: VoucherRequest, requester: str) -> dict[str, Any]:
    """Return what names a note: the key of REQUESTS."""
    addresses = " ".join(map(address_text, request.addresses))
    return {"certificate_hash": request.hashes[0], "requester": requester, "addresses": addresses}


def _row(request: VoucherRequest) -> dict[str, Any]:
    end_entity, *issuers = request.chain
    return {
        "hash": request.hashes[0],
        "der": request.certificate,
        "issuers": b"".join(each.public_bytes(Encoding.PEM) for each in issuers),
        "spki": spki_hash(end_entity),
        "expires": end_entity.not_valid_after_utc,
    }


def _note_names(connection: Connection, certificate_hash: bytes, certificate: x509.Certificate) -> None:
    """Note for which domains a certificate is (docs/spec H9)."""
    names = dict.fromkeys(name.lower().removeprefix("*.") for name in dns_names(certificate))
    good = (name for name in names if len(name) <= _LONGEST_NAME and name.isprintable())
    rows = [{"name": name, "certificate_hash": certificate_hash} for name in good]
    if rows:
        connection.execute(insert(NAMES), rows[:_NAMES_KEPT])


def _note_dispute(connection: Connection, certificate_hash: bytes) -> None:
    """Let a certificate be disputed that is in other octets already (docs/spec H9)."""
    if since := list(filter(None, lock_equivalents(connection, certificate_hash).values())):
        row = CERTIFICATES.c.hash == certificate_hash
        connection.execute(update(CERTIFICATES).where(row).values(disputed=min(since)))


def lock_equivalents(connection: Connection, certificate_hash: bytes) -> dict[bytes, datetime | None]:
    """Return since when each row of a certificate, in whatever octets, is disputed; none if the log does not know it.

    On a server, nobody else changes them, or tells of another one that is new, before this transaction has ended.
    """
    row = CERTIFICATES.c
    encoded = connection.execute(select(row.der).where(row.hash == certificate_hash)).scalar_one_or_none()
    if encoded is None:
        return {}
    names = equivalent_hashes(x509.load_der_x509_certificate(encoded))
    found = select(row.hash, row.disputed).where(row.hash.in_(names)).order_by(row.hash)  # by which nobody deadlocks
    connection.execute(found.with_for_update()).all()
    # Once more: what it waited for may have been somebody who logged another one.
    return {each.hash: each.disputed for each in connection.execute(found)}


def _message(request: VoucherRequest, requester: str) -> dict[str, Any]:
    return {
        "certificate": request.hashes[0].hex(),
        "requester": requester,
        "addresses": list(map(address_text, request.addresses)),
        "port": request.port,
    }


def logged(row: Any) -> Logged:  # noqa: ANN401 - as SQLAlchemy or `Statement` has it
    """Return a row of the log as a value."""
    return Logged(
        der=row.der,
        issuers=row.issuers or b"",
        first_seen=row.first_seen,
        released=row.released,
        released_by=row.released_by,
        disputed=row.disputed,
    )
