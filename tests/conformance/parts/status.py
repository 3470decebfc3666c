"""OCSP responses (RFC 6960), and the entries by which a voucher names its evidence (docs/spec, section 3.3).

The library's builder writes the real time and random signatures; these responses are the same in every run.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509

from tests.conformance.parts.der import (
    NULL,
    Fields,
    bits,
    enumerated,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    sequence,
    structure,
    time,
)
from tests.conformance.parts.names import OCSP_BASIC
from tests.conformance.parts.signing import Signer, signer
from tests.pki import DAY, HOUR, NOW, Issued

Span = tuple[datetime, datetime | None]
FRESH = (NOW - HOUR, NOW + 47 * HOUR)  # 48 hours, the most that a VA's own status may be valid (O4)
SUCCESSFUL, TRY_LATER = 0, 3
OCSP, CRL, SHORT_LIVED = 0, 1, 2
_CERT_ID_DIGESTS = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}


def single(
    subject: Issued,
    status: str = "good",
    span: Span = FRESH,
    *,
    issuer: Issued | None = None,
    named_by: str = "sha1",
    names: Fields | None = None,
    changes: Fields | None = None,
) -> bytes:
    """Return one SingleResponse; `issuer` other than the real one makes a CertID that names another certificate.

    `names` replaces fields of the CertID, `changes` those of the SingleResponse.
    """
    begin, end = span
    revoked = implicit(1, sequence(time(begin), explicit(0, enumerated(1))))  # keyCompromise
    statuses = {"good": implicit(0, NULL), "revoked": revoked, "unknown": implicit(2, NULL)}
    fields = {
        "certID": structure(_cert_id(subject, issuer or _issuer(subject), named_by), names or {}),
        "certStatus": statuses[status],
        "thisUpdate": time(begin),
        "nextUpdate": explicit(0, time(end)) if end else b"",
        "singleExtensions": b"",
    }
    return structure(fields, changes or {})


def ocsp(
    subject: Issued,
    status: str = "good",
    span: Span = FRESH,
    *,
    singles: Sequence[bytes] = (),
    by: Signer | None = None,
    enclosed: Sequence[Issued] = (),
    by_name: bool = False,
    data: Fields | None = None,
    basic: Fields | None = None,
    envelope: Fields | None = None,
) -> bytes:
    """Return a DER OCSPResponse about `subject`, signed by its issuer unless told, or with the `singles` given.

    A responder other than the issuer is enclosed; `enclosed` replaces what is. `data` replaces fields of ResponseData,
    `basic` those of BasicOCSPResponse, `envelope` those around it.
    """
    issuer = _issuer(subject)
    responder = by or signer(issuer)
    named = _responder_name(responder.issued) if by_name else _responder_key(responder.issued)
    signed = structure(
        {
            "version": b"",
            "responderID": named,
            "producedAt": time(span[0]),
            "responses": sequence(*(singles or (single(subject, status, span),))),
            "responseExtensions": b"",
        },
        data or {},
    )
    certificates = enclosed or (() if responder.issued == issuer else (responder.issued,))
    fields = {
        "tbsResponseData": signed,
        "signatureAlgorithm": responder.algorithm.identifier,
        "signature": bits(responder.sign(signed)),
        "certs": explicit(0, sequence(*(item.der for item in certificates))) if certificates else b"",
    }
    around = {
        "responseStatus": enumerated(SUCCESSFUL),
        "responseBytes": explicit(0, sequence(oid(OCSP_BASIC), octets(structure(fields, basic or {})))),
    }
    return structure(around, envelope or {})


def ocsp_error(status: int = TRY_LATER) -> bytes:
    """Return an OCSPResponse that says no more than its status."""
    return sequence(enumerated(status))


@dataclass(frozen=True)
class Evidence:
    """What a voucher says about one certificate, and the response that it encloses for it, if any."""

    certificate_hash: bytes
    method: int
    span: tuple[datetime, datetime]
    named: bytes | None
    response: bytes | None = None

    def entry(self, **changes: bytes) -> bytes:
        """Return the DER StatusEvidence, with fields replaced."""
        fields = {
            "certificateHash": octets(self.certificate_hash),
            "method": enumerated(self.method),
            "thisUpdate": time(self.span[0]),
            "nextUpdate": time(self.span[1]),
            "evidenceHash": octets(self.named) if self.named is not None else b"",
        }
        return structure(fields, changes)


def by_ocsp(subject: Issued, response: bytes | None = None, span: Span = FRESH) -> Evidence:
    """Return evidence by an OCSP response: a good one of the issuer over `span` unless another is given."""
    response = ocsp(subject, span=span) if response is None else response
    begin, end = span
    return Evidence(_hash(subject.der), OCSP, (begin, end or FRESH[1]), _hash(response), response)


def by_crl(subject: Issued, span: tuple[datetime, datetime] = (NOW - HOUR, NOW + 6 * DAY)) -> Evidence:
    """Return evidence by a CRL, which stays with the Voucher Authority (E4)."""
    return Evidence(_hash(subject.der), CRL, span, _hash(b"a CRL that the client never sees"))


def short_lived(subject: Issued) -> Evidence:
    """Return evidence by a short life (E5)."""
    certificate = subject.certificate
    span = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    return Evidence(_hash(subject.der), SHORT_LIVED, span, None)


def _issuer(subject: Issued) -> Issued:
    if subject.issuer is None:
        raise ValueError("a root has no OCSP response")
    return subject.issuer


def _cert_id(subject: Issued, issuer: Issued, digest: str) -> dict[str, bytes]:
    name = hashlib.new(digest, subject.certificate.issuer.public_bytes()).digest()
    key = hashlib.new(digest, _key_bits(issuer)).digest()
    algorithm = sequence(oid(_CERT_ID_DIGESTS[digest]), NULL)
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": octets(name),
        "issuerKeyHash": octets(key),
        "serialNumber": integer(subject.certificate.serial_number),
    }


def _key_bits(issued: Issued) -> bytes:
    """Return the public key's bits without algorithm: what issuerKeyHash and byKey hash (RFC 6960 section 4.1.1)."""
    return bytes(x509.Certificate.load(issued.der).public_key["public_key"].contents[1:])


def _responder_key(issued: Issued) -> bytes:
    return explicit(2, octets(hashlib.sha1(_key_bits(issued)).digest()))  # noqa: S324 a name (RFC 6960 section 4.2.1)


def _responder_name(issued: Issued) -> bytes:
    return explicit(1, issued.certificate.subject.public_bytes())


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
