"""AlgorithmIdentifier in the shapes that version 1 knows (RFC 5280 section 4.1.1.2, RFC 4055, RFC 5754).

Which algorithms are allowed is `mecai.protocol.pki.algorithms`.
"""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1


@asn1.sequence
class Plain:
    """An algorithm without parameters."""

    algorithm: x509.ObjectIdentifier


@asn1.sequence
class WithNull:
    """An algorithm whose parameters are NULL."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class MaskGeneration:
    """An algorithm of a mask generation function."""

    algorithm: x509.ObjectIdentifier
    parameters: WithNull


@asn1.sequence
class PssParameters:
    """RSASSA-PSS-params, each spelled out (RFC 4055 section 3.1)."""

    hash_algorithm: Annotated[WithNull, asn1.Explicit(0)]
    mask_generation: Annotated[MaskGeneration, asn1.Explicit(1)]
    salt_length: Annotated[int, asn1.Explicit(2)]


@asn1.sequence
class Pss:
    """An algorithm of RSASSA-PSS."""

    algorithm: x509.ObjectIdentifier
    parameters: PssParameters


@asn1.sequence
class WithAny:
    """An algorithm with any parameters."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.TLV


def name_of(identifier: bytes) -> str:
    """Return the dotted name inside a DER AlgorithmIdentifier, whatever its parameters."""
    schemas: tuple[type[Plain | WithAny], ...] = (Plain, WithAny)
    for schema in schemas:
        try:
            return asn1.decode_der(schema, identifier).algorithm.dotted_string
        except ValueError:
            continue
    return "(unreadable)"


def without_parameters(identifier: bytes) -> bytes:
    """Return the DER AlgorithmIdentifier of the same algorithm that has no parameters."""
    return asn1.encode_der(Plain(algorithm=asn1.decode_der(WithAny, identifier).algorithm))
