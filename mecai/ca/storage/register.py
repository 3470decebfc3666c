"""The register: every certificate that an authority signed, and what became of it.

A certificate is registered (and so on disk) before it leaves: what is not registered was never issued. What is entered
here is due for publication from then on (`mecai.ca.storage.schedule`), in the same transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import ColumnElement, Engine, RowMapping, delete, insert, select, true, update

from mecai.ca.storage.database import host_errors
from mecai.ca.storage.records import CertificateProfile, Issuer, RegisterEntry, Revocation
from mecai.ca.storage.tables import CERTIFICATES, CRLS
from mecai.errors import HostError
from mecai.protocol.pki.identity import sha256, spki_hash
from mecai.protocol.pki.keys import PublicKey
from mecai.service.database import reading

_COLUMNS = CERTIFICATES.c
_OWN = (CertificateProfile.ROOT.value, CertificateProfile.ISSUING.value)


class Register:
    """The register in a database; every change is on disk when its method returns. Failures are `HostError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, entries: Iterable[RegisterEntry], now: datetime) -> None:
        """Enter the CA certificates of a new authority, in place of those of one that was never finished.

        Raises `HostError` if the register is already that of another authority.
        """
        with host_errors(), self._engine.begin() as connection:
            if connection.execute(select(_COLUMNS.serial).where(_COLUMNS.profile.not_in(_OWN)).limit(1)).first():
                raise HostError("register: holds certificates of another authority; name an empty database")
            connection.execute(delete(CERTIFICATES))
            connection.execute(insert(CERTIFICATES), [_row(entry, now) for entry in entries])

    def add(self, entry: RegisterEntry, now: datetime) -> None:
        """Enter a certificate; its serial number must be new."""
        with host_errors(), self._engine.begin() as connection:
            connection.execute(insert(CERTIFICATES).values(_row(entry, now)))

    def revoke(self, entry: RegisterEntry, revocation: Revocation) -> None:
        """Enter a revocation; an earlier one stays as it is."""
        revoked = {
            "revoked_at": revocation.time,
            "reason": revocation.reason.value,
            "status_due": revocation.time,
        }
        good = (_COLUMNS.serial == entry.serial) & _COLUMNS.revoked_at.is_(None)
        with host_errors(), self._engine.begin() as connection:
            connection.execute(update(CERTIFICATES).where(good).values(revoked))
            connection.execute(update(CRLS).where(CRLS.c.issuer == entry.issuer.value).values(due=revocation.time))

    def entries(self) -> tuple[RegisterEntry, ...]:
        """Return every entry, in the order of issuing."""
        return self._select(true())

    def entries_by(self, profile: CertificateProfile) -> tuple[RegisterEntry, ...]:
        """Return the entries of one kind of certificate, in the order of issuing."""
        return self._select(_COLUMNS.profile == profile.value)

    def entry(self, serial: str) -> RegisterEntry | None:
        """Return the entry of a serial number, if there is one."""
        return next(iter(self._select(_COLUMNS.serial == serial)), None)

    def entries_of(self, key: PublicKey) -> tuple[RegisterEntry, ...]:
        """Return what a key was certified for."""
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return self._select(_COLUMNS.key_hash == sha256(spki))

    def _select(self, condition: ColumnElement[bool]) -> tuple[RegisterEntry, ...]:
        query = select(CERTIFICATES).where(condition).order_by(_COLUMNS.number)
        with host_errors(), reading(self._engine) as connection:
            return tuple(_entry(row) for row in connection.execute(query).mappings())


def revocation_in(row: RowMapping) -> Revocation | None:
    """Return the revocation that a row of the register holds, if any."""
    if row["revoked_at"] is None:
        return None
    return Revocation(row["revoked_at"], x509.ReasonFlags(row["reason"]))


def _row(entry: RegisterEntry, now: datetime) -> Mapping[str, Any]:
    return {
        "serial": entry.serial,
        "issuer": entry.issuer.value,
        "profile": entry.profile.value,
        "key_hash": spki_hash(entry.certificate),
        "der": entry.certificate.public_bytes(Encoding.DER),
        "expires": entry.certificate.not_valid_after_utc,
        "status_due": now,
    }


def _entry(row: RowMapping) -> RegisterEntry:
    certificate = x509.load_der_x509_certificate(row["der"])
    return RegisterEntry(Issuer(row["issuer"]), CertificateProfile(row["profile"]), certificate, revocation_in(row))
