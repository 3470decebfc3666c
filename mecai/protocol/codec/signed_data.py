"""The ASN.1 of CMS SignedData, as far as this project's profile reaches (RFC 5652 section 12.1, RFC 5035, RFC 5940).

Shapes only; which values the profile allows is `mecai.protocol.codec.cms`. Algorithms, names, certificates and OCSP
responses stay opaque.
"""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1


@asn1.sequence
class Attribute:
    """An attribute with exactly one value."""

    identifier: x509.ObjectIdentifier
    values: Annotated[asn1.SetOf[asn1.TLV], asn1.Size.exact(1)]


@asn1.sequence
class SignedAttributes:
    """A wrapper around the SET OF, which the schema language encodes only as a field."""

    attributes: asn1.SetOf[Attribute]


@asn1.sequence
class IssuerAndSerialNumber:
    """The name of a certificate (RFC 5652 section 10.2.4)."""

    issuer: asn1.TLV
    serial_number: int


@asn1.sequence
class SignerInfo:
    """One signer; both sets of attributes may be absent on the wire."""

    version: int
    signer: asn1.TLV
    digest_algorithm: asn1.TLV
    signed_attributes: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    signature_algorithm: asn1.TLV
    signature: bytes
    unsigned_attributes: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class OtherRevocationInfo:
    """Revocation information that is no CRL (RFC 5652 section 10.2.1)."""

    form: x509.ObjectIdentifier
    info: asn1.TLV


@asn1.sequence
class EncapsulatedContent:
    """The content and its type."""

    content_type: x509.ObjectIdentifier
    content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """Content, certificates, revocation information and signers."""

    version: int
    digest_algorithms: asn1.SetOf[asn1.TLV]
    encapsulated: EncapsulatedContent
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    crls: Annotated[asn1.SetOf[Annotated[OtherRevocationInfo, asn1.Implicit(1)]] | None, asn1.Implicit(1)]
    signer_infos: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    """The outermost wrapper."""

    content_type: x509.ObjectIdentifier
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class CertificateReference:
    """ESSCertIDv2 with its default SHA-256 and no issuerSerial (RFC 5035 section 4)."""

    certificate_hash: bytes


@asn1.sequence
class SigningCertificate:
    """SigningCertificateV2 without policies (RFC 5035 section 3)."""

    certificates: list[CertificateReference]
