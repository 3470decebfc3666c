"""What a voucher says of the status of one certificate (docs/spec, section 3.3).

StatusEvidence ::= SEQUENCE { certificateHash, method ENUMERATED { ocsp(0), crl(1), shortLived(2) },
thisUpdate, nextUpdate, evidenceHash OCTET STRING (SIZE(32)) OPTIONAL }
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Annotated

from cryptography.hazmat import asn1

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.pki.identity import HASH_SIZE


class EvidenceMethod(IntEnum):
    """How the authority knows that a certificate is not revoked."""

    OCSP = 0
    CRL = 1
    SHORT_LIVED = 2


@asn1.sequence
class EncodedEvidence:
    """StatusEvidence on the wire."""

    certificate_hash: Annotated[bytes, asn1.Size.exact(HASH_SIZE)]
    method: asn1.TLV  # ENUMERATED, which the schema language lacks: one of the three encodings below
    this_update: asn1.GeneralizedTime
    next_update: asn1.GeneralizedTime
    evidence_hash: bytes | None


_ENUMERATED = {method: bytes((0x0A, 1, method)) for method in EvidenceMethod}
_METHODS = {encoded: method for method, encoded in _ENUMERATED.items()}


@dataclass(frozen=True)
class StatusEvidence:
    """The status of one certificate; `evidence_hash` is SHA-256 over the DER OCSPResponse or CRL."""

    certificate_hash: bytes
    method: EvidenceMethod
    this_update: datetime
    next_update: datetime
    evidence_hash: bytes | None

    def __post_init__(self) -> None:
        _require(
            (self.evidence_hash is None) == (self.method is EvidenceMethod.SHORT_LIVED),
            "statusEvidence: evidenceHash must be absent for shortLived and present otherwise",
        )
        if self.evidence_hash is not None:
            _require(len(self.evidence_hash) == HASH_SIZE, "statusEvidence: evidenceHash must have 32 octets")
        _require(self.this_update < self.next_update, "statusEvidence: nextUpdate must be after thisUpdate")


def encode_evidence(evidence: StatusEvidence) -> EncodedEvidence:
    """Return the value that DER encodes."""
    return EncodedEvidence(
        certificate_hash=evidence.certificate_hash,
        method=der.opaque(_ENUMERATED[evidence.method]),
        this_update=der.generalized(evidence.this_update),
        next_update=der.generalized(evidence.next_update),
        evidence_hash=evidence.evidence_hash,
    )


def decode_evidence(value: EncodedEvidence) -> StatusEvidence:
    """Return the evidence of a decoded value; raises `Malformed`."""
    method = _METHODS.get(der.raw(value.method))
    if method is None:
        raise Malformed("statusEvidence: method is none of ocsp, crl, shortLived")
    return StatusEvidence(
        certificate_hash=value.certificate_hash,
        method=method,
        this_update=der.moment(value.this_update, "statusEvidence thisUpdate"),
        next_update=der.moment(value.next_update, "statusEvidence nextUpdate"),
        evidence_hash=value.evidence_hash,
    )


def _require(condition: bool, detail: str) -> None:
    if not condition:
        raise Malformed(detail)
