"""The signed attributes of the profile, exactly three, and the octets that a signature covers (RFC 5652 section 5.4).

content-type, message-digest and signing-certificate-v2 (RFC 5035): docs/spec, "Voucher".
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import Malformed
from mecai.protocol import oids
from mecai.protocol.codec import der
from mecai.protocol.codec.signed_data import (
    Attribute,
    CertificateReference,
    IssuerAndSerialNumber,
    SignedAttributes,
    SignerInfo,
    SigningCertificate,
)
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import algorithms
from mecai.protocol.pki.algorithms import Digest


def attribute_values(
    content_type: str, content: bytes, digest: Digest, certificate: x509.Certificate
) -> dict[str, bytes]:
    """Return the one set of signed attributes, as DER values, that the profile allows for this content and signer."""
    return {
        oids.ID_CONTENT_TYPE: _object_identifier(content_type),
        oids.ID_MESSAGE_DIGEST: der.encode(digest.of(content)),
        oids.ID_SIGNING_CERTIFICATE_V2: names_of(certificate).signing_certificate,
    }


@cache
def _object_identifier(dotted: str) -> bytes:
    return der.encode(x509.ObjectIdentifier(dotted))


class SignerNames(NamedTuple):
    """How a SignerInfo names the signer's certificate, each in DER."""

    issuer_and_serial_number: bytes
    signing_certificate: bytes


@lru_cache(LIMITS.remembered_certificates)
def names_of(certificate: x509.Certificate) -> SignerNames:
    """Return the names of a signer's certificate."""
    issuer = der.opaque(certificate.issuer.public_bytes())
    reference = CertificateReference(certificate_hash=certificate.fingerprint(algorithms.SHA256.hash))
    return SignerNames(
        der.encode(IssuerAndSerialNumber(issuer=issuer, serial_number=certificate.serial_number)),
        der.encode(SigningCertificate(certificates=[reference])),
    )


def signed_attributes(values: Mapping[str, bytes]) -> asn1.SetOf[Attribute]:
    """Return the attributes of these DER values, by type."""
    attributes = [
        Attribute(identifier=x509.ObjectIdentifier(oid), values=asn1.SetOf([der.opaque(value)]))
        for oid, value in values.items()
    ]
    return asn1.SetOf(attributes)


def attribute_octets(attributes: asn1.SetOf[Attribute]) -> bytes:
    """Return the octets that are signed: the SET OF with its own tag, not the [0] of the wire (RFC 5652 section 5.4).

    The schema language encodes a SET OF only as a field, so its wrapper is taken off again.
    """
    return bytes(der.opaque(der.encode(SignedAttributes(attributes=attributes))).data)


def read_attributes(signer: SignerInfo, content_type: str) -> tuple[dict[str, bytes], bytes]:
    """Return the values of the signed attributes, which are the profile's three, and the octets that are signed."""
    if signer.signed_attributes is None:
        raise Malformed("signedAttrs: must be present")
    attributes = signer.signed_attributes.as_list()
    values = {item.identifier.dotted_string: der.raw(item.values.as_list()[0]) for item in attributes}
    expected = {oids.ID_CONTENT_TYPE, oids.ID_MESSAGE_DIGEST, oids.ID_SIGNING_CERTIFICATE_V2}
    if values.keys() != expected or len(attributes) != len(expected):
        raise Malformed("signedAttrs: expected exactly content-type, message-digest and signing-certificate-v2")
    if values[oids.ID_CONTENT_TYPE] != _object_identifier(content_type):
        raise Malformed("signedAttrs: content-type differs from eContentType")
    return values, attribute_octets(signer.signed_attributes)
