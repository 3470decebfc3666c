"""What of the register is to be published, and when.

A row is due until `published` says that its file is in place: after a crash between the two it is published again. A
clock that ran ahead leaves nothing behind: what is due later than the next interval allows was published in the future,
and is due now; what was revoked in the future is revoked now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Engine, select, update

from mecai.ca.storage.database import host_errors
from mecai.ca.storage.records import CurrentStatus, Issuer, Revocation
from mecai.ca.storage.register import revocation_in
from mecai.ca.storage.tables import CERTIFICATES, CRLS
from mecai.service.database import reading

_COLUMNS = CERTIFICATES.c


class PublicationSchedule:
    """When each status and each CRL is due. Failures are `HostError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self, issuer: Issuer, since: datetime) -> frozenset[str]:
        """Return the serial numbers of an issuer's certificates that had not expired at `since`."""
        query = select(_COLUMNS.serial).where(_COLUMNS.issuer == issuer.value, _COLUMNS.expires > since)
        with host_errors(), reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def end_future(self, now: datetime) -> None:
        """Let no revocation lie ahead of `now`: it was entered by a wrong clock, and its real time has passed."""
        ahead = update(CERTIFICATES).where(_COLUMNS.revoked_at > now).values(revoked_at=now, status_due=now)
        with host_errors(), self._engine.begin() as connection:
            issuers = connection.execute(ahead.returning(_COLUMNS.issuer)).scalars().all()
            connection.execute(update(CRLS).where(CRLS.c.issuer.in_(issuers)).values(due=now))

    def due(self, now: datetime, interval: timedelta, since: datetime) -> tuple[str, ...]:
        """Return the serial numbers whose status is due, the longest waiting first, without those expired at `since`.

        `interval` is how long after its publication a status is due again.
        """
        waiting = _is_due(_COLUMNS.status_due, now, interval) & (_COLUMNS.expires > since)
        query = select(_COLUMNS.serial).where(waiting).order_by(_COLUMNS.status_due)
        with host_errors(), reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())

    def statuses(self, serials: Sequence[str]) -> tuple[CurrentStatus, ...]:
        """Return what is to be said of some serial numbers."""
        wanted = (_COLUMNS.issuer, _COLUMNS.serial, _COLUMNS.revoked_at, _COLUMNS.reason)
        query = select(*wanted).where(_COLUMNS.serial.in_(serials))
        with host_errors(), reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(CurrentStatus(Issuer(row["issuer"]), row["serial"], revocation_in(row)) for row in rows)

    def published(self, serials: Sequence[str], due: datetime) -> None:
        """Note that the status of some serial numbers is in place, and when it is due again."""
        with host_errors(), self._engine.begin() as connection:
            connection.execute(update(CERTIFICATES).where(_COLUMNS.serial.in_(serials)).values(status_due=due))

    def is_crl_due(self, issuer: Issuer, now: datetime, interval: timedelta) -> bool:
        """Tell whether an issuer's CRL is to be published anew; `interval` as in `due`."""
        waiting = (CRLS.c.issuer == issuer.value) & _is_due(CRLS.c.due, now, interval)
        with host_errors(), reading(self._engine) as connection:
            return connection.execute(select(CRLS.c.issuer).where(waiting)).first() is not None

    def next_crl_number(self, issuer: Issuer) -> int:
        """Return a number higher than any before (RFC 5280 section 5.2.3), used from now on."""
        row = update(CRLS).where(CRLS.c.issuer == issuer.value).values(number=CRLS.c.number + 1)
        with host_errors(), self._engine.begin() as connection:
            number: int = connection.execute(row.returning(CRLS.c.number)).scalar_one()
        return number

    def revoked(self, issuer: Issuer, since: datetime) -> tuple[tuple[int, Revocation], ...]:
        """Return an issuer's revoked serial numbers that had not expired at `since`, in the order of issuing."""
        listed = (_COLUMNS.issuer == issuer.value) & (_COLUMNS.expires > since) & _COLUMNS.revoked_at.is_not(None)
        query = select(_COLUMNS.serial, _COLUMNS.revoked_at, _COLUMNS.reason).where(listed).order_by(_COLUMNS.number)
        with host_errors(), reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple((int(row["serial"], 16), revocation) for row in rows if (revocation := revocation_in(row)))

    def crl_published(self, issuer: Issuer, due: datetime) -> None:
        """Note that an issuer's CRL is in place, and when the next one is due."""
        with host_errors(), self._engine.begin() as connection:
            connection.execute(update(CRLS).where(CRLS.c.issuer == issuer.value).values(due=due))


def _is_due(column: Column[datetime], now: datetime, interval: timedelta) -> ColumnElement[bool]:
    """Due by the clock, or noted by one that ran ahead."""
    return (column <= now) | (column > now + interval)
