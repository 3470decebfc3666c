"""Statements that one certificate follows another (docs/spec H6), on their way back to the host that fetches for it.

Whether one ends a hold, each Voucher Authority judges by its own log. Here is held that nothing else travels, whatever
is in the file, and that nothing else is laid: a statement of today, signed, of the certificate that it is laid for.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.succession import check_succession, parse_succession
from mecai.sidecar.site import Site


def told(sites: Iterable[Site], now: datetime) -> list[str]:
    """Return, in base64, the statements of these sites that are good now; what is else in their files stays here."""
    return [
        base64.b64encode(site.succession).decode()
        for site in sites
        if site.succession and _is_good(site.succession, site.presented[0], now)
    ]


def read(text: str) -> tuple[bytes, bytes]:
    """Return of what certificate (its SHA-256) a statement is that has travelled, and the statement as it is laid.

    Raises `Malformed`; nothing of it is to be believed before `verify`.
    """
    if len(text) > 2 * LIMITS.voucher_size:
        raise Malformed(f"succession: {len(text)} octets of base64", "H6")
    try:
        encoded = base64.b64decode(text, validate=True)
    except ValueError as error:  # JSON has text that is not even ASCII
        raise Malformed("succession: is no base64", "H6") from error
    return parse_succession(encoded).statement.new, encoded


def verify(encoded: bytes, certificate: x509.Certificate, now: datetime) -> None:
    """Refuse, as `VerificationError`, what is no good statement of this certificate at this time."""
    signed = parse_succession(encoded)
    check_succession(signed, certificate, now)
    signed.signed.verify_signature()


def by_certificate(texts: Sequence[str]) -> tuple[dict[bytes, bytes], list[str]]:
    """Return statements by the SHA-256 of their certificate, and why others are none."""
    found: dict[bytes, bytes] = {}
    reasons = []
    for text in texts:
        try:
            new, encoded = read(text)
        except Malformed as error:
            reasons.append(str(error))
        else:
            found[new] = encoded
    return found, reasons


def _is_good(encoded: bytes, certificate: x509.Certificate, now: datetime) -> bool:
    try:
        verify(encoded, certificate, now)
    except VerificationError:
        return False  # of yesterday, mostly
    return True
