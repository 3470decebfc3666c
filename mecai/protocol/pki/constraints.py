"""Name constraints as they stand in a CA certificate (RFC 5280 section 4.2.1.10).

`cryptography.x509` reads the distances of a subtree and forgets them, so the extension is read here once more.
"""

from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.structures import TbsCertificate

_WHAT: Final = "name constraints"


@asn1.sequence
class _Subtree:
    base: asn1.TLV
    minimum: Annotated[int | None, asn1.Implicit(0)]  # 0 where it is absent, and in DER never written then
    maximum: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class _NameConstraints:
    permitted: Annotated[list[_Subtree] | None, asn1.Implicit(0)]
    excluded: Annotated[list[_Subtree] | None, asn1.Implicit(1)]


def check_distances(certificate: x509.Certificate) -> None:
    """Refuse name constraints of which a subtree has a minimum or maximum; raises `ValueError`."""
    try:
        tbs = der.decode(TbsCertificate, certificate.tbs_certificate_bytes, _WHAT, LIMITS.certificate_size)
        found = [item.value for item in tbs.extensions or () if item.identifier == x509.NameConstraints.oid]
        decoded = [der.decode(_NameConstraints, value, _WHAT, LIMITS.certificate_size) for value in found]
    except Malformed as error:
        raise ValueError(error.detail) from error
    subtrees = [tree for item in decoded for tree in (*(item.permitted or ()), *(item.excluded or ()))]
    if any(tree.minimum is not None or tree.maximum is not None for tree in subtrees):
        raise ValueError(f"{_WHAT} with a minimum or maximum")


def has_critical_constraints(certificate: x509.Certificate) -> bool:
    """Tell whether a CA certificate bears name constraints that whoever does not understand them must not ignore."""
    return any(item.critical and isinstance(item.value, x509.NameConstraints) for item in certificate.extensions)
