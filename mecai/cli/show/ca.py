"""The register of an authority: `mecai ca list`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from rich.table import Table

from mecai.ca.storage.records import RegisterEntry

_COLOURS: Final = {"good": "green", "revoked": "red", "expired": "yellow"}


def document(entry: RegisterEntry, moment: datetime) -> dict[str, object]:
    """One line of `mecai ca list --format json`; times in RFC 3339."""
    revocation = entry.revocation
    return {
        "serial": entry.serial,
        "issuer": entry.issuer,
        "profile": entry.profile,
        "subject": entry.certificate.subject.rfc4514_string(),
        "names": _names(entry),
        "notBefore": entry.certificate.not_valid_before_utc.isoformat(),
        "notAfter": entry.certificate.not_valid_after_utc.isoformat(),
        "status": _status(entry, moment),
        "revokedAt": revocation.time.isoformat() if revocation else None,
        "reason": revocation.reason.value if revocation else None,
    }


def table(entries: Sequence[RegisterEntry], moment: datetime) -> Table:
    """Return the certificates, one a row."""
    rows = Table("profile", "name", "valid until", "status")
    rows.add_column("serial number", overflow="fold")
    for entry in entries:
        status, end = _status(entry, moment), f"{entry.certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
        rows.add_row(entry.profile, name_of(entry), end, f"[{_COLOURS[status]}]{status}[/]", entry.serial)
    return rows


def name_of(entry: RegisterEntry) -> str:
    """Return the DNS names of a certificate, or else its subject."""
    names = _names(entry)
    return ", ".join(names) if names else entry.certificate.subject.rfc4514_string().removeprefix("CN=")


def _names(entry: RegisterEntry) -> list[str]:
    try:
        alternative = entry.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return alternative.get_values_for_type(x509.DNSName)


def _status(entry: RegisterEntry, moment: datetime) -> str:
    if entry.revocation:
        return "revoked"
    return "good" if moment <= entry.certificate.not_valid_after_utc else "expired"
