"""Certificate status on its way from the CA's process to the OCSP responder: one public JSON file, renamed into place.

    {"version": 1, "issuers": {"<SHA-256 of the issuer's SubjectPublicKeyInfo>": {
        "<serial>": {"answer": "<base64>"},
        "<serial>": {"revoked": "2026-03-02T12:00:00+00:00", "reason": "keyCompromise"}}}}

It names every certificate that was issued, so a serial number that is not in it was never issued. A certificate that
is good has a DER OCSPResponse, signed by the issuer itself, to be given to whoever sends no nonce. The responder reads
the file anew when it was replaced. It holds no secret.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509 import ocsp

from mecai.ca.storage.register import Revocation, serial_text
from mecai.errors import HostError

_VERSION: Final = 1


@dataclass(frozen=True)
class Status:
    """What is known of a serial number; `answer` is the issuer's own OCSP answer, if the certificate is good."""

    issued: bool
    revocation: Revocation | None = None
    answer: bytes | None = None


NEVER_ISSUED: Final = Status(issued=False)

Statuses = Mapping[bytes, Mapping[str, Status]]  # by the issuer's SPKI hash, then by serial number


def encode_statuses(statuses: Statuses) -> bytes:
    """Return the octets of the status file: the same for the same statuses."""
    issuers = {
        issuer.hex(): {serial: _encode_status(status) for serial, status in certificates.items()}
        for issuer, certificates in statuses.items()
    }
    return json.dumps({"version": _VERSION, "issuers": issuers}, indent=1, sort_keys=True).encode() + b"\n"


class StatusFile:
    """The status file as its reader sees it: parsed once for each time that it is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int] | None, Statuses] = (None, {})

    def look_up(self, issuer: bytes, serial: int) -> Status:
        """Return the status of an issuer's (its SPKI hash) serial number.

        Raises `HostError` if the file cannot be read: then nothing may be said of any certificate.
        """
        return self._statuses().get(issuer, {}).get(serial_text(serial), NEVER_ISSUED)

    def _statuses(self) -> Statuses:
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._read[0] != version:
                self._read = (version, _decode(self._path.read_bytes()))
        except OSError as error:
            raise HostError(f"{self._path}: status cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HostError(f"{self._path}: holds no certificate status ({error!r}); run: mecai ca publish") from error
        return self._read[1]


def _encode_status(status: Status) -> dict[str, str]:
    if status.revocation:
        return {"revoked": status.revocation.time.isoformat(), "reason": status.revocation.reason.value}
    return {"answer": base64.b64encode(status.answer or b"").decode()}


def _decode(data: bytes) -> Statuses:
    document = json.loads(data)
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']}, expected {_VERSION}")
    return {
        bytes.fromhex(issuer): {serial: _decode_status(found) for serial, found in certificates.items()}
        for issuer, certificates in document["issuers"].items()
    }


def _decode_status(found: Mapping[str, str]) -> Status:
    if "revoked" in found:
        time, reason = datetime.fromisoformat(found["revoked"]), x509.ReasonFlags(found["reason"])
        return Status(issued=True, revocation=Revocation(time, reason))
    answer = base64.b64decode(found["answer"], validate=True)
    ocsp.load_der_ocsp_response(answer)  # nobody is to meet a damaged one later
    return Status(issued=True, answer=answer)
