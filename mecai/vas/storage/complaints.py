"""Objections to certificates of the log, and what an operator made of them (docs/spec H9)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Engine, func, select, update

from mecai.errors import InputError
from mecai.service.database import insert_once, reading
from mecai.vas.storage.certificates import lock_equivalents
from mecai.vas.storage.outbox import put
from mecai.vas.storage.tables import CERTIFICATES, COMPLAINTS

COMPLAINT: Final = "complaint"  # the kind of message in the outbox


class Decision(StrEnum):
    """What an operator made of an objection."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"


@dataclass(frozen=True)
class Objection:
    """Who objects to which certificate, as the owner of which domain."""

    certificate_hash: bytes
    domain: str
    requester: str


@dataclass(frozen=True)
class Complaint:
    """An objection in the log; undecided while `decision` is None."""

    certificate_hash: bytes
    domain: str
    raised: datetime
    requester: str
    decided: datetime | None
    decision: str | None
    reason: str | None


class ComplaintLog:
    """The objections in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, objection: Objection, now: datetime) -> Complaint:
        """Log a proved objection, whereby a certificate of the log becomes disputed, in whatever octets it is there.

        One that is there already stays. That its issuer is to be told is written with it.
        """
        name, domain = objection.certificate_hash, objection.domain
        row = {**asdict(objection), "raised": now}
        this_one = (COMPLAINTS.c.certificate_hash == name) & (COMPLAINTS.c.domain == domain)
        with self._engine.begin() as connection:
            equivalents = lock_equivalents(connection, name)
            if insert_once(connection, COMPLAINTS, row):
                _dispute(connection, (each for each, since in equivalents.items() if since is None), now)
                body = {"certificate": name.hex(), "domain": domain}
                put(connection, COMPLAINT, f"{name.hex()} {domain}", body, now, due=now)
            return Complaint(*connection.execute(select(COMPLAINTS).where(this_one)).one())

    def listed(self) -> tuple[Complaint, ...]:
        """Return all objections, the undecided first, of each the newest first."""
        order = (COMPLAINTS.c.decided.isnot(None), COMPLAINTS.c.raised.desc())
        with reading(self._engine) as connection:
            return tuple(Complaint(*row) for row in connection.execute(select(COMPLAINTS).order_by(*order)))

    def decide(self, certificate_hash: bytes, decision: Decision, reason: str, now: datetime) -> int:
        """Decide all open objections to a certificate, in whatever octets, and return how many.

        One whose objections are all dismissed is vouched for again; one upheld leaves it disputed until it expires.
        Raises `InputError` if there are none.
        """
        made = {"decided": now, "decision": decision, "reason": reason}
        with self._engine.begin() as connection:
            names = lock_equivalents(connection, certificate_hash)
            of_certificate = COMPLAINTS.c.certificate_hash.in_(names)
            open_ones = update(COMPLAINTS).where(of_certificate, COMPLAINTS.c.decided.is_(None)).values(made)
            if not (count := connection.execute(open_ones).rowcount):
                raise InputError(f"{certificate_hash.hex()}: no objection to it is open; see `mecai vas dispute list`")
            upheld = select(func.count()).where(of_certificate, COMPLAINTS.c.decision == Decision.UPHELD)
            if not connection.execute(upheld).scalar_one():
                _dispute(connection, names, None)
        return count


def _dispute(connection: Connection, names: Iterable[bytes], since: datetime | None) -> None:
    connection.execute(update(CERTIFICATES).where(CERTIFICATES.c.hash.in_(names)).values(disputed=since))
