"""CMS SignedData in the profile of docs/spec section 3.1, and every way to leave it.

Four structures, each a mapping of fields that a case may replace: `attributes` (the signed ones; the signature follows
them), `signer_info`, `signed_data` and the outer `content_type`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.conformance.parts import names
from tests.conformance.parts.der import Fields, explicit, implicit, integer, octets, oid, sequence, set_of, structure
from tests.conformance.parts.signing import Signer
from tests.pki import Issued


@dataclass(frozen=True)
class Changes:
    """Fields to be replaced, structure by structure."""

    attributes: Fields = field(default_factory=dict)
    signer_info: Fields = field(default_factory=dict)
    signed_data: Fields = field(default_factory=dict)
    content_info: Fields = field(default_factory=dict)


AS_IT_SHOULD_BE = Changes()


def sign(
    content_type: str, content: bytes, by: Signer, responses: Sequence[bytes] = (), changes: Changes = AS_IT_SHOULD_BE
) -> bytes:
    """Return the DER ContentInfo over `content`."""
    attributes = {**signed_attributes(content_type, content, by), **changes.attributes}
    info = structure(_signer_info(by, list(attributes.values())), changes.signer_info)
    data = {
        "version": integer(5 if responses else 3),
        "digestAlgorithms": set_of(by.algorithm.digest_identifier),
        "encapContentInfo": sequence(oid(content_type), explicit(0, octets(content))),
        "certificates": implicit(0, set_of(by.issued.der)),
        "crls": implicit(1, set_of(*map(ocsp_info, responses))) if responses else b"",
        "signerInfos": set_of(info),
    }
    outer = {
        "contentType": oid(names.SIGNED_DATA),
        "content": explicit(0, structure(data, changes.signed_data)),
        "more": b"",
    }
    return structure(outer, changes.content_info)


def signed_attributes(content_type: str, content: bytes, by: Signer) -> dict[str, bytes]:
    """Return the three attributes of O2."""
    reference = sequence(octets(hashlib.sha256(by.issued.der).digest()))
    return {
        "content-type": attribute(names.CONTENT_TYPE, oid(content_type)),
        "message-digest": attribute(names.MESSAGE_DIGEST, octets(by.algorithm.hash(content))),
        "signing-certificate-v2": attribute(names.SIGNING_CERTIFICATE_V2, sequence(sequence(reference))),
    }


def attribute(dotted: str, *values: bytes) -> bytes:
    """Return an Attribute."""
    return sequence(oid(dotted), set_of(*values))


def signer_name(issued: Issued, serial: int | None = None) -> bytes:
    """Return the IssuerAndSerialNumber of a certificate."""
    certificate = issued.certificate
    return sequence(certificate.issuer.public_bytes(), integer(serial or certificate.serial_number))


def signer_info(content_type: str, content: bytes, by: Signer) -> bytes:
    """Return one whole SignerInfo, for an object with several."""
    return structure(_signer_info(by, list(signed_attributes(content_type, content, by).values())), {})


def ocsp_info(response: bytes, form: str = names.RI_OCSP_RESPONSE) -> bytes:
    """Return an OCSP response as other revocation info (RFC 5940)."""
    return implicit(1, sequence(oid(form), response))


def _signer_info(by: Signer, attributes: Sequence[bytes]) -> dict[str, bytes]:
    signed = set_of(*attributes)
    return {
        "version": integer(1),
        "sid": signer_name(by.issued),
        "digestAlgorithm": by.algorithm.digest_identifier,
        "signedAttrs": implicit(0, signed),
        "signatureAlgorithm": by.algorithm.identifier,
        "signature": octets(by.sign(signed)),
        "unsignedAttrs": b"",
    }
