"""Certificates from strangers, read to the end at once.

`cryptography` parses parts of a certificate only when they are asked for, and a fault then appears far from where the
octets came in. Here every part that this project ever looks at is asked for on the way in, so that whoever holds a
certificate from `load` can use it without fear.

The same few certificates come in again and again (issuers, authorities, delegates of OCSP responders), so the last ones
stay parsed. That is all that is remembered: what a certificate is worth is judged anew each time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import spki_der
from mecai.protocol.pki.keys import check_cost, public_key_of
from mecai.protocol.pki.structures import TbsCertificate

Kind = TypeVar("Kind", bound=x509.ExtensionType)

_SECOND: Final = timedelta(seconds=1)
# What the library raises, soon or late, for octets that it does not understand.
FAULTS: Final = (
    ValueError,
    TypeError,  # a name with a BIT STRING in it
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def load(encoded: bytes, what: str = "certificate") -> x509.Certificate:
    """Return the certificate of these DER octets; raises `Malformed` naming `what` it should have been."""
    if len(encoded) > LIMITS.certificate_size:
        raise Malformed(f"{what}: {len(encoded)} octets, more than the {LIMITS.certificate_size} allowed")
    try:
        return _parse(encoded)
    except Malformed as error:
        raise Malformed(f"{what}: {error.detail}") from error
    except FAULTS as error:
        raise Malformed(f"{what}: no sound DER certificate") from error


@lru_cache(LIMITS.remembered_certificates)
def _parse(encoded: bytes) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(encoded)
    _ = certificate.subject, certificate.issuer, certificate.extensions
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    check_cost(key := public_key_of(certificate))
    _check_urls(certificate)
    _check_body(certificate, key)
    return certificate


def _check_body(certificate: x509.Certificate, key: object) -> None:
    """Refuse what the library reads as something else: an empty list of extensions as none, a key in another form.

    One key is written in one way, so that one SPKI hash names it (section 12.5).
    """
    body = asn1.decode_der(TbsCertificate, certificate.tbs_certificate_bytes)
    if body.extensions is not None and not body.extensions:
        raise Malformed("an empty list of extensions")
    known = isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    if known and der.raw(body.subject_public_key_info) != spki_der(certificate):
        raise Malformed("a key that is not written as RFC 3279 has it, or RFC 5480 without compression")


def is_ca(certificate: x509.Certificate) -> bool:
    """Say whether a certificate's basic constraints make it that of a CA."""
    found = extension_of(certificate, x509.BasicConstraints)
    return found is not None and found.value.ca


def extension_of(certificate: x509.Certificate, kind: type[Kind]) -> x509.Extension[Kind] | None:
    """Return a certificate's extension of one kind, None where it has none; `load` lets no two of a kind pass.

    The kinds are compared: what the library asks of each extension (`isinstance` of an abstract class) is far dearer.
    """
    return next((each for each in certificate.extensions if type(each.value) is kind), None)


def unchanged(certificates: Iterable[x509.Certificate], now: datetime) -> tuple[datetime, datetime]:
    """Return since when, and before what moment, the same of these certificates are valid as at `now`.

    But for the last second of one that ends: that is of its validity, and of no such time.
    """
    begins, ends = zip(*((each.not_valid_before_utc, each.not_valid_after_utc) for each in certificates), strict=True)
    over = now - _SECOND
    since = [each for each in begins if each <= now] + [each + _SECOND for each in ends if each <= over]
    until = [each for each in begins if each > now] + [each for each in ends if each > over]
    return max(since), min(until)


def _check_urls(certificate: x509.Certificate) -> None:
    """Refuse what the library lets pass where status is asked: no place at all, a URL in UTF-8."""
    access = extension_of(certificate, x509.AuthorityInformationAccess)
    if access is None:
        return
    if not len(access.value):
        raise Malformed("authorityInfoAccess of nothing")
    for description in access.value:
        place = description.access_location
        if isinstance(place, x509.UniformResourceIdentifier) and not place.value.isascii():
            raise Malformed("a URL that is no IA5String")
