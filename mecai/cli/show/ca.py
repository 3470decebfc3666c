"""The register of an authority: `mecai ca list`."""

from collections.abc import Sequence
from datetime import datetime

from mecai.ca.authority.profiles import names_in
from mecai.ca.storage.records import RegisterEntry
from mecai.cli.show.tables import Row, show_table


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


def print_entries(entries: Sequence[RegisterEntry], moment: datetime) -> None:
    """Print the certificates, one a row with its names below."""
    rows = [Row(_cells(entry, moment), _names(entry) or [name_of(entry)]) for entry in entries]
    show_table(("serial number", "profile", "status", "valid until"), rows)


def _cells(entry: RegisterEntry, moment: datetime) -> Sequence[str]:
    return entry.serial, entry.profile, _status(entry, moment), f"{entry.certificate.not_valid_after_utc:%Y-%m-%d}"


def name_of(entry: RegisterEntry) -> str:
    """Return the names of a certificate, or else its subject."""
    names = _names(entry)
    return ", ".join(names) if names else entry.certificate.subject.rfc4514_string().removeprefix("CN=")


def _names(entry: RegisterEntry) -> list[str]:
    return list(names_in(entry.certificate))


def _status(entry: RegisterEntry, moment: datetime) -> str:
    if entry.revocation:
        return "revoked"
    return "good" if moment <= entry.certificate.not_valid_after_utc else "expired"
