"""The register: every certificate that an authority signed, and what became of it.

An SQLite file that only the CA's user reads. A certificate is registered (and so on disk) before it leaves: what is
not registered was never issued.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.profiles import Issuer, Profile
from mecai.errors import HostError
from mecai.protocol.pki.identity import spki_hash

_SCHEMA: Final = """
CREATE TABLE certificate (
    serial     TEXT PRIMARY KEY,  -- hexadecimal, lower case
    issuer     TEXT NOT NULL,
    profile    TEXT NOT NULL,
    key        BLOB NOT NULL,     -- SHA-256 of the SubjectPublicKeyInfo
    der        BLOB NOT NULL,
    revoked_at TEXT,              -- RFC 3339
    reason     TEXT               -- as in RFC 5280 section 5.3.1
) STRICT;
CREATE INDEX certificate_key ON certificate (key);
CREATE TABLE crl (number INTEGER NOT NULL) STRICT;
INSERT INTO crl VALUES (0);
"""


@dataclass(frozen=True)
class Revocation:
    """When a certificate was revoked, and why."""

    time: datetime
    reason: x509.ReasonFlags


@dataclass(frozen=True)
class Entry:
    """One certificate of the register."""

    issuer: Issuer
    profile: Profile
    certificate: x509.Certificate
    revocation: Revocation | None

    @property
    def serial(self) -> str:
        """The serial number as the register writes it."""
        return serial_text(self.certificate.serial_number)


def serial_text(number: int) -> str:
    """Return a serial number in hexadecimal, lower case, whole octets."""
    text = f"{number:x}"
    return text.rjust(len(text) + len(text) % 2, "0")


def create_register(path: Path) -> None:
    """Make an empty register, readable by its user only; SQLite brings it safely to disk."""
    path.touch(mode=0o600, exist_ok=False)
    with _connection(path) as connection:
        connection.executescript(_SCHEMA)


class Register:
    """The register in the file `path`; every change is on disk when its method returns. Failures are `HostError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, issuer: Issuer, profile: Profile, certificate: x509.Certificate) -> None:
        """Enter a certificate; its serial number must be new."""
        row = (
            serial_text(certificate.serial_number),
            issuer,
            profile,
            spki_hash(certificate),
            certificate.public_bytes(Encoding.DER),
        )
        with _connection(self._path) as connection:
            connection.execute(
                "INSERT INTO certificate (serial, issuer, profile, key, der) VALUES (?, ?, ?, ?, ?)", row
            )

    def revoke(self, serial: str, revocation: Revocation) -> None:
        """Enter a revocation; an earlier one stays as it is."""
        row = (revocation.time.isoformat(), revocation.reason.value, serial)
        with _connection(self._path) as connection:
            connection.execute(
                "UPDATE certificate SET revoked_at = ?, reason = ? WHERE serial = ? AND revoked_at IS NULL", row
            )

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, in the order of issuing."""
        return self._select("TRUE")

    def entry(self, serial: str) -> Entry | None:
        """Return the entry of a serial number, if there is one."""
        return next(iter(self._select("serial = ?", serial)), None)

    def entries_of(self, key: bytes) -> tuple[Entry, ...]:
        """Return what a key (SHA-256 of its SubjectPublicKeyInfo) was certified for."""
        return self._select("key = ?", key)

    def _select(self, condition: str, *values: object) -> tuple[Entry, ...]:
        query = f"SELECT issuer, profile, der, revoked_at, reason FROM certificate WHERE {condition} ORDER BY rowid"  # noqa: S608 - conditions stand above
        with _connection(self._path) as connection:
            return tuple(_entry(*row) for row in connection.execute(query, values))

    def next_crl_number(self) -> int:
        """Return a number higher than any before (RFC 5280 section 5.2.3)."""
        with _connection(self._path) as connection:
            ((number,),) = connection.execute("UPDATE crl SET number = number + 1 RETURNING number").fetchall()
            return int(number)


def _entry(issuer: str, profile: str, der: bytes, revoked_at: str | None, reason: str | None) -> Entry:
    revocation = None
    if revoked_at is not None:
        revocation = Revocation(datetime.fromisoformat(revoked_at), x509.ReasonFlags(reason))
    return Entry(Issuer(issuer), Profile(profile), x509.load_der_x509_certificate(der), revocation)


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: committed at the end, rolled back on an error."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        try:
            with connection:
                yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise HostError(f"{path}: register cannot be used ({error})") from error
