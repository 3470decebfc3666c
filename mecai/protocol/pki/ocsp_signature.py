"""Who signed an OCSP response: the issuer itself or its delegate, and over these very octets (RFC 6960 section 4.2.2).

The library neither verifies with the parameters of PSS nor tells the octets that were signed, so the outer structures
are read here once more.
"""

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.x509 import ocsp

from mecai.errors import Malformed, VerificationError
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import algorithms, certificates
from mecai.protocol.pki.direct import validate_delegate
from mecai.protocol.pki.identity import spki_der
from mecai.protocol.pki.structures import Extension


@asn1.sequence
class _ResponseBytes:
    response_type: x509.ObjectIdentifier
    response: bytes


@asn1.sequence
class _OcspResponse:
    status: asn1.TLV
    response_bytes: Annotated[_ResponseBytes, asn1.Explicit(0)]  # optional, but never absent after success


@asn1.sequence
class _SingleResponse:
    cert_id: asn1.TLV
    status: asn1.TLV
    this_update: asn1.TLV
    next_update: Annotated[asn1.GeneralizedTime | None, asn1.Explicit(0)]
    extensions: Annotated[list[Extension] | None, asn1.Explicit(1)]


@asn1.sequence
class _ResponseData:
    responder: asn1.TLV
    produced_at: asn1.TLV
    responses: list[_SingleResponse]
    extensions: Annotated[list[Extension] | None, asn1.Explicit(1)]


@asn1.sequence
class _BasicResponse:
    response_data: asn1.TLV
    signature_algorithm: asn1.TLV
    signature: asn1.BitString
    certificates: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


@asn1.sequence
class _SubjectPublicKeyInfo:
    algorithm: asn1.TLV
    key: asn1.BitString


def verify_signature(
    parsed: ocsp.OCSPResponse, response: bytes, issuer: x509.Certificate, now: datetime
) -> x509.Certificate:
    """Verify with the responder that the response names, and return it: the issuer or the issuer's delegate.

    Raises `VerificationError` (status-missing, V11).
    """
    basic = _basic(response)
    try:
        responder = _responder(parsed, basic, issuer)
        # The library names the algorithm by its identifier only, but PSS needs the parameters too.
        algorithm = algorithms.signature_named(der.raw(basic.signature_algorithm))
        algorithms.verify_with(responder, algorithm, parsed.signature, der.raw(basic.response_data))
    except Malformed as error:
        raise status_missing(f"OCSP response: {error.detail}") from error
    except InvalidSignature as error:
        raise status_missing("OCSP response: its signature does not verify") from error
    if responder is not issuer:
        validate_delegate(responder, issuer, now)
    return responder


@lru_cache(LIMITS.remembered_responses)
def critical_extensions(response: bytes) -> frozenset[str]:
    """Return what is critical in a response and in each of its answers, whose extensions the library does not give."""
    data = asn1.decode_der(_ResponseData, der.raw(_basic(response).response_data))
    lists = (data.extensions, *(single.extensions for single in data.responses))
    return frozenset(each.identifier.dotted_string for found in lists for each in found or () if each.critical)


@lru_cache(LIMITS.remembered_responses)
def _basic(response: bytes) -> _BasicResponse:
    return asn1.decode_der(_BasicResponse, asn1.decode_der(_OcspResponse, response).response_bytes.response)


def _responder(parsed: ocsp.OCSPResponse, basic: _BasicResponse, issuer: x509.Certificate) -> x509.Certificate:
    if _is_responder(parsed, issuer):
        return issuer
    for encoded in basic.certificates or ():
        certificate = certificates.load(der.raw(encoded), "the responder's certificate")
        if _is_responder(parsed, certificate):
            return certificate
    raise status_missing("OCSP response names a responder that is not the issuer and sends no certificate of it")


def _is_responder(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if response.responder_key_hash is not None:
        return response.responder_key_hash == _key_hash(certificate)
    return response.responder_name == certificate.subject


@lru_cache(LIMITS.remembered_certificates)
def _key_hash(certificate: x509.Certificate) -> bytes:
    """Return SHA-1 over the public key's bits: how a response names its responder (RFC 6960 section 4.2.1)."""
    key = asn1.decode_der(_SubjectPublicKeyInfo, spki_der(certificate)).key
    return hashlib.sha1(key.as_bytes(), usedforsecurity=False).digest()


def status_missing(detail: str) -> VerificationError:
    """Return the verdict that there is no answer to rely on (V11)."""
    return VerificationError("status-missing", "V11", detail)
