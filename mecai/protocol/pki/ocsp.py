"""OCSP in its pure half: what to ask, and whether an answer settles the status of one certificate (RFC 6960).

Fetching is `mecai.evidence`. Here: the CertID is recomputed (SHA-1 or SHA-256 may name the certificate), the responder
must be the issuer itself or its delegate, `unknown` counts as no answer, and a validly signed `revoked` refuses
whatever its age. Rule V11; a caller that judges a Voucher Authority's own certificate maps it to V5.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import OCSPExtensionOID

from mecai.errors import VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import certificates
from mecai.protocol.pki.ocsp_signature import critical_extensions, status_missing, verify_signature

_SHA1 = hashes.SHA1()  # noqa: S303 names a certificate and signs nothing (RFC 6960 section 4.1.1)
_CERT_ID_HASHES = {algorithm.name: algorithm for algorithm in (_SHA1, hashes.SHA256())}


@dataclass(frozen=True)
class OcspStatus:
    """A good status: what was said, and for how long.

    `next_update` is None when the responder named none; `delegate_until`, the end of the delegate's certificate, is
    None where the issuer itself has signed. Whoever relies on the answer later than now asks `until`.
    """

    this_update: datetime
    next_update: datetime | None
    delegate_until: datetime | None = None

    def until(self, otherwise: datetime) -> datetime:
        """Return when the answer is worth nothing more; `otherwise` stands for a nextUpdate that was not named."""
        end = self.next_update or otherwise
        return end if self.delegate_until is None else min(end, self.delegate_until)


def build_ocsp_request(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: hashes.HashAlgorithm = _SHA1
) -> bytes:
    """Return a DER OCSPRequest for one certificate; SHA-1 names it, as every responder understands (RFC 5019)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm).build()
    return request.public_bytes(Encoding.DER)


@lru_cache(LIMITS.remembered_responses)
def calls_revoked(response: bytes) -> bool:
    """Tell whether a DER OCSPResponse calls any certificate revoked, validly or not: a cheap look before a dear one."""
    try:
        answers = list(_parse(response).responses)
    except (VerificationError, *certificates.FAULTS):
        return False
    return any(answer.certificate_status is ocsp.OCSPCertStatus.REVOKED for answer in answers)


def judge_ocsp(
    response: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    *,
    max_age: timedelta = LIMITS.status_age,
    max_validity: timedelta | None = None,
) -> OcspStatus:
    """Return the good status that a DER OCSPResponse proves for `certificate` at `now`.

    `max_age` bounds now - thisUpdate; `max_validity`, where given, demands a nextUpdate and bounds the whole span.
    Raises `VerificationError` under V11: `revoked`, `status-missing` (no valid answer for this certificate by the right
    responder) or `status-stale` (not yet or no longer valid).
    """
    try:
        parsed = _parse(response)
        answer = _answer_for(parsed, certificate, issuer)
        responder = verify_signature(parsed, response, issuer, now)
        _check_extensions(response)
        if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            raise VerificationError("revoked", "V11", f"{_name(certificate)} is revoked{_circumstances(answer)}")
        if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            raise status_missing(f"{_name(certificate)} is unknown to the responder")
        delegate_until = None if responder is issuer else responder.not_valid_after_utc
        status = OcspStatus(answer.this_update_utc, answer.next_update_utc, delegate_until)
    except certificates.FAULTS as error:  # the library parses late
        raise status_missing("no valid OCSP response") from error
    _check_fresh(status, certificate, now, max_age, max_validity)
    return status


def _circumstances(answer: ocsp.OCSPSingleResponse) -> str:
    """Say when and why, as far as the response says it in a form that can be read: `revoked` holds without as well."""
    with suppress(*certificates.FAULTS):
        reason = f" ({answer.revocation_reason.value})" if answer.revocation_reason else ""
        return f" since {answer.revocation_time_utc:%Y-%m-%dT%H:%M:%SZ}{reason}"
    return ""


@lru_cache(LIMITS.remembered_responses)
def _parse(response: bytes) -> ocsp.OCSPResponse:
    if len(response) > LIMITS.ocsp_response_size:
        raise status_missing(f"OCSP response of {len(response)} octets, at most {LIMITS.ocsp_response_size} allowed")
    parsed = ocsp.load_der_ocsp_response(response)
    if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise status_missing(f"OCSP response says {parsed.response_status.name.lower()}")
    return parsed


def _answer_for(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """Return the answer whose CertID, recomputed from the two certificates, is this one's; of several, a revocation."""
    answers = [
        answer
        for answer in response.responses
        if answer.serial_number == certificate.serial_number and _names(answer, certificate, issuer)
    ]
    if not answers:
        raise status_missing(f"OCSP response speaks of other certificates than {_name(certificate)}")
    return next((item for item in answers if item.certificate_status is ocsp.OCSPCertStatus.REVOKED), answers[0])


def _names(answer: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Recompute the CertID with the answer's own hash, which is SHA-1 or SHA-256."""
    name = answer.hash_algorithm.name
    found = answer.issuer_name_hash, answer.issuer_key_hash
    return name in _CERT_ID_HASHES and found == _issuer_hashes(certificate, issuer, name)


@lru_cache(LIMITS.remembered_certificates)
def _issuer_hashes(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str) -> tuple[bytes, bytes]:
    """Return the hashes of the issuer's name and key in a CertID."""
    cert_id = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _CERT_ID_HASHES[algorithm]).build()
    return cert_id.issuer_name_hash, cert_id.issuer_key_hash


def _check_extensions(response: bytes) -> None:
    """Refuse a critical extension that is not understood (RFC 6960 section 4.4); a nonce is, though unasked."""
    unknown = critical_extensions(response) - {OCSPExtensionOID.NONCE.dotted_string}
    if unknown:
        raise status_missing(f"OCSP response with critical extension {min(unknown)}")


def _check_fresh(
    status: OcspStatus, certificate: x509.Certificate, now: datetime, max_age: timedelta, max_validity: timedelta | None
) -> None:
    begin, end = status.this_update, status.next_update
    if begin > now + LIMITS.clock_skew:
        raise _stale(certificate, f"begins in the future ({begin:%Y-%m-%dT%H:%M:%SZ})")
    if end is not None and end <= now:
        raise _stale(certificate, f"ended at {end:%Y-%m-%dT%H:%M:%SZ}")
    if now - begin > max_age:
        raise _stale(certificate, f"is older than {max_age}")
    if max_validity is not None and (end is None or end - begin > max_validity):
        raise _stale(certificate, f"is valid for longer than {max_validity}")


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}"


def _stale(certificate: x509.Certificate, detail: str) -> VerificationError:
    return VerificationError("status-stale", "V11", f"status of {_name(certificate)} {detail}")
