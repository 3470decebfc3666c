"""Whether a TLS server has read what lies in the store: nginx does by a timer, not at a reload (ADR 0062)."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.pki.identity import certificate_hash
from mecai.service.pem import load_certificates

SETTLED: Final = 5.0  # seconds; nginx reads anew one second after it has read all (`voucher_refresh`)


def unread(staples: Path, chain: Path, now: float) -> float:
    """Return for how many seconds more the newest file of a certificate may be unread, from 0 to `SETTLED`.

    `now` is in seconds since 1970; a clock that was set back makes nothing wait longer. Raises `HostError` or
    `InputError` for a chain that cannot be read.
    """
    certificate = load_certificates(chain)[0].public_bytes(Encoding.DER)
    newest = 0.0
    for path in (staples / certificate_hash(certificate).hex()).glob("*"):
        with suppress(OSError):  # replaced, or gone
            newest = max(newest, path.lstat().st_mtime)
    return min(max(newest + SETTLED - now, 0.0), SETTLED)
