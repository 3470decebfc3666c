"""Signed objects: a narrow profile of CMS SignedData (RFC 5652) in DER, in the manner of RFC 3161.

Vouchers, directories and statements all wear this envelope and differ in content type only; a caller always says which
one it expects. The profile (docs/spec, "Voucher"): one digest algorithm, one certificate, one signer named by issuer
and serial number; signed attributes exactly content-type, message-digest and signing-certificate-v2 (RFC 5035);
no unsigned attributes; `crls` hold OCSP responses (RFC 5940) and nothing else. General CMS readers accept much more,
therefore none of them decides here.

Parsing checks the shape (rule V1) and leaves belief to others: `SignedContent.verify_signature` is rule V4, the
certificate is judged by `mecai.protocol.pki.direct`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import Malformed, VerificationError
from mecai.protocol import oids
from mecai.protocol.codec import der
from mecai.protocol.codec.signed_attributes import (
    attribute_octets,
    attribute_values,
    names_of,
    read_attributes,
    signed_attributes,
)
from mecai.protocol.codec.signed_data import (
    Attribute,
    ContentInfo,
    EncapsulatedContent,
    OtherRevocationInfo,
    SignedData,
    SignerInfo,
)
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import algorithms, certificates
from mecai.protocol.pki.algorithms import Digest, SignatureAlgorithm
from mecai.protocol.pki.keys import PrivateKey, check_public_key, public_key_of

Item = TypeVar("Item")

_SIGNED_DATA: Final = x509.ObjectIdentifier(oids.ID_SIGNED_DATA)
_OCSP_RESPONSE: Final = x509.ObjectIdentifier(oids.ID_RI_OCSP_RESPONSE)
_VERSION_WITH_OTHER_REVOCATION: Final = 5  # RFC 5652 section 5.1: crls hold a format other than CRL
_VERSION_PLAIN: Final = 3  # RFC 5652 section 5.1: content is not id-data
_SIGNER_VERSION: Final = 1  # RFC 5652 section 5.3: issuerAndSerialNumber
_AT_WORK: Final = 16  # objects in the making: their attributes are for the signature and, once more, for the envelope


@dataclass(frozen=True)
class SignedContent:
    """One parsed envelope. Nothing in it is to be believed before `verify_signature`."""

    content_type: str
    content: bytes
    certificate: x509.Certificate
    ocsp_responses: tuple[bytes, ...]
    digest: Digest = field(repr=False)
    algorithm: SignatureAlgorithm = field(repr=False)
    attributes: Mapping[str, bytes] = field(repr=False)  # DER of each value by attribute type
    signed_octets: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def verify_signature(self) -> None:
        """Verify the signature by `certificate` over the content; raises `VerificationError` (bad-signature, V4).

        `Malformed` where the key is none of K3, whatever was signed with it.
        """
        check_public_key(public_key_of(self.certificate))
        if self.attributes != attribute_values(self.content_type, self.content, self.digest, self.certificate):
            raise VerificationError("bad-signature", "V4", "content or certificate is not the one that was signed")
        try:
            algorithms.verify_with(self.certificate, self.algorithm, self.signature, self.signed_octets)
        except InvalidSignature as error:
            detail = (
                f"{self.algorithm.name} does not verify with the key of {self.certificate.subject.rfc4514_string()}"
            )
            raise VerificationError("bad-signature", "V4", detail) from error


def sign_content(
    content_type: str,
    content: bytes,
    key: PrivateKey,
    certificate: x509.Certificate,
    ocsp_responses: Sequence[bytes] = (),
    *,
    algorithm: SignatureAlgorithm | None = None,
) -> bytes:
    """Return the DER ContentInfo over `content`; the algorithm follows the key unless given.

    Raises `Malformed` when the key is none of the allowed or an OCSP response is not DER.
    """
    algorithm = algorithm or algorithms.for_key(key)
    signature = signature_of(content_type, content, key, certificate, algorithm)
    return enveloped(content_type, content, signature, certificate, ocsp_responses, algorithm=algorithm)


def signature_of(
    content_type: str,
    content: bytes,
    key: PrivateKey,
    certificate: x509.Certificate,
    algorithm: SignatureAlgorithm | None = None,
) -> bytes:
    """Return the signature alone: for whoever has the key, and leaves its envelope to others. Raises `Malformed`."""
    algorithm = algorithm or algorithms.for_key(key)
    return algorithm.sign(key, attribute_octets(_attributes(content_type, content, certificate, algorithm)))


def enveloped(
    content_type: str,
    content: bytes,
    signature: bytes,
    certificate: x509.Certificate,
    ocsp_responses: Sequence[bytes] = (),
    *,
    algorithm: SignatureAlgorithm | None = None,
) -> bytes:
    """Return the DER ContentInfo around a signature that `signature_of` made; raises `Malformed` as `sign_content`."""
    algorithm = algorithm or algorithms.for_public_key(public_key_of(certificate))
    attributes = _attributes(content_type, content, certificate, algorithm)
    digest = algorithm.digest
    signer = SignerInfo(
        version=_SIGNER_VERSION,
        signer=der.opaque(names_of(certificate).issuer_and_serial_number),
        digest_algorithm=der.opaque(digest.identifier),
        signed_attributes=attributes,
        signature_algorithm=der.opaque(algorithm.identifier),
        signature=signature,
        unsigned_attributes=None,
    )
    signed_data = SignedData(
        version=_VERSION_WITH_OTHER_REVOCATION if ocsp_responses else _VERSION_PLAIN,
        digest_algorithms=asn1.SetOf([der.opaque(digest.identifier)]),
        encapsulated=EncapsulatedContent(content_type=x509.ObjectIdentifier(content_type), content=content),
        certificates=asn1.SetOf([der.opaque(certificate.public_bytes(Encoding.DER))]),
        crls=asn1.SetOf([_revocation_info(response) for response in ocsp_responses]) if ocsp_responses else None,
        signer_infos=asn1.SetOf([signer]),
    )
    return der.encode(ContentInfo(content_type=_SIGNED_DATA, content=signed_data))


@lru_cache(_AT_WORK)
def _attributes(
    content_type: str, content: bytes, certificate: x509.Certificate, algorithm: SignatureAlgorithm
) -> asn1.SetOf[Attribute]:
    return signed_attributes(attribute_values(content_type, content, algorithm.digest, certificate))


def parse_signed_content(encoded: bytes, content_type: str, maximum: int = LIMITS.voucher_size) -> SignedContent:
    """Parse a DER ContentInfo of exactly this content type; raises `Malformed` for whatever the profile excludes."""
    outer = der.decode(ContentInfo, encoded, "ContentInfo", maximum)
    _expect(outer.content_type, _SIGNED_DATA, "contentType")
    data = outer.content
    _expect(data.encapsulated.content_type, x509.ObjectIdentifier(content_type), "eContentType")
    if data.encapsulated.content is None:
        raise Malformed("eContent: absent")
    certificate = certificates.load(der.raw(_one(data.certificates, "certificates")))
    responses = _ocsp_responses(data)
    _expect(data.version, _VERSION_WITH_OTHER_REVOCATION if responses else _VERSION_PLAIN, "SignedData version")
    signer = _one(data.signer_infos, "signerInfos")
    digest, algorithm = _signer_algorithms(data, signer)
    _check_signer(signer, certificate)
    attributes, octets = read_attributes(signer, content_type)
    return SignedContent(
        content_type=content_type,
        content=data.encapsulated.content,
        certificate=certificate,
        ocsp_responses=responses,
        digest=digest,
        algorithm=algorithm,
        attributes=attributes,
        signed_octets=octets,
        signature=signer.signature,
    )


def _revocation_info(response: bytes) -> OtherRevocationInfo:
    return OtherRevocationInfo(form=_OCSP_RESPONSE, info=der.opaque(response))


def _ocsp_responses(data: SignedData) -> tuple[bytes, ...]:
    if data.crls is None:
        return ()
    entries = data.crls.as_list()
    for entry in entries:
        _expect(entry.form, _OCSP_RESPONSE, "crls: format")
    responses = tuple(der.raw(entry.info) for entry in entries)
    if not responses or len(set(responses)) != len(responses):
        raise Malformed("crls: empty or with a duplicate")
    return responses


def _signer_algorithms(data: SignedData, signer: SignerInfo) -> tuple[Digest, SignatureAlgorithm]:
    digest = algorithms.digest_named(der.raw(_one(data.digest_algorithms, "digestAlgorithms")))
    algorithm = algorithms.signature_named(der.raw(signer.signature_algorithm))
    signer_digest = algorithms.digest_named(der.raw(signer.digest_algorithm))
    if not digest == signer_digest == algorithm.digest:
        raise Malformed("digestAlgorithms, digestAlgorithm and signatureAlgorithm name different digests")
    return digest, algorithm


def _check_signer(signer: SignerInfo, certificate: x509.Certificate) -> None:
    _expect(signer.version, _SIGNER_VERSION, "SignerInfo version")
    if der.raw(signer.signer) != names_of(certificate).issuer_and_serial_number:
        raise Malformed("sid: does not name the certificate in the object")
    if signer.unsigned_attributes is not None:
        raise Malformed("unsignedAttrs: must be absent")


def _one(items: asn1.SetOf[Item] | None, what: str) -> Item:
    found = items.as_list() if items is not None else []
    if len(found) != 1:
        raise Malformed(f"{what}: {len(found)} entries, expected exactly one")
    return found[0]


def _expect(seen: object, expected: object, what: str) -> None:
    if seen != expected:
        raise Malformed(f"{what}: {_text(seen)}, expected {_text(expected)}")


def _text(value: object) -> str:
    return value.dotted_string if isinstance(value, x509.ObjectIdentifier) else str(value)
