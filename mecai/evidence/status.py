"""The three ways to show that one certificate is not revoked (docs/spec, section 3.3), each a function of one shape.

Each returns `Evidence`, or raises `VerificationError` under V11 (`revoked`, `status-missing`, `status-stale`) or
`FetchError`. Which way is tried when is the `Collector`'s business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from mecai.errors import VerificationError
from mecai.net.fetch import Fetch
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.pki.crl import distribution_points, judge_crl
from mecai.protocol.pki.identity import hash_of, sha256
from mecai.protocol.pki.ocsp import build_ocsp_request, judge_ocsp

LARGEST_CRL: Final = 16 * 1024 * 1024  # octets; docs/spec, P7


@dataclass(frozen=True)
class Evidence:
    """What a voucher says of one certificate's status, and the DER OCSPResponse that it then encloses.

    `until` is when it is worth nothing more: at its nextUpdate, or before if the delegate who signed it ends.
    """

    status: StatusEvidence
    response: bytes | None
    until: datetime


def by_ocsp(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    fetch: Fetch,
    max_validity: timedelta | None = None,
) -> Evidence:
    """Ask the OCSP responder that the certificate names; `max_validity` bounds what its answer may claim."""
    response = ask_responder(certificate, issuer, fetch)
    status = judge_ocsp(response, certificate, issuer, now, max_validity=max_validity)
    if status.next_update is None:
        raise _missing("OCSP response names no nextUpdate")
    entry = _status(certificate, EvidenceMethod.OCSP, (status.this_update, status.next_update), response)
    return Evidence(entry, response, status.until(status.next_update))


def ask_responder(certificate: x509.Certificate, issuer: x509.Certificate, fetch: Fetch) -> bytes:
    """Return what the OCSP responder that the certificate names answers, unjudged."""
    url = _first(ocsp_urls(certificate), "names no OCSP responder")
    request = build_ocsp_request(certificate, issuer)
    return fetch(url, LIMITS.ocsp_response_size, body=request, content_type="application/ocsp-request")


def by_crl(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, fetch: Fetch) -> Evidence:
    """Read the CRL that the certificate names."""
    url = _crl_url(certificate)
    encoded = fetch(url, LARGEST_CRL)
    status = judge_crl(encoded, certificate, issuer, url, now)
    entry = _status(certificate, EvidenceMethod.CRL, (status.this_update, status.next_update), encoded)
    return Evidence(entry, None, status.next_update)


def crl_host(certificate: x509.Certificate) -> str:
    """Return who has the CRL that a certificate names; raises `VerificationError` if it names none."""
    return _crl_url(certificate).split("/")[2].lower()


def _crl_url(certificate: x509.Certificate) -> str:
    return _first(distribution_points(certificate), "names no CRL")


def by_lifetime(certificate: x509.Certificate) -> Evidence:
    """Need nothing but the certificate of an end entity: its whole life is short."""
    span = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if span[1] - span[0] > LIMITS.short_lived_lifetime:
        raise _missing(f"lives longer than {LIMITS.short_lived_lifetime.days} days")
    return Evidence(_status(certificate, EvidenceMethod.SHORT_LIVED, span, None), None, span[1])


def _status(
    certificate: x509.Certificate, method: EvidenceMethod, span: tuple[datetime, datetime], proof: bytes | None
) -> StatusEvidence:
    return StatusEvidence(
        certificate_hash=hash_of(certificate),
        method=method,
        this_update=span[0],
        next_update=span[1],
        evidence_hash=sha256(proof) if proof is not None else None,
    )


def ocsp_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the OCSP responders that a certificate names."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()
    wanted = [each for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
    names = [each.access_location for each in wanted]
    return tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _first(urls: tuple[str, ...], otherwise: str) -> str:
    """Return the first http URL: one try each bounds the time that a certificate can cost."""
    url = next((url for url in urls if url.lower().startswith("http://")), None)
    if url is None:
        raise _missing(otherwise)
    return url


def _missing(detail: str) -> VerificationError:
    return VerificationError("status-missing", "V11", detail)
