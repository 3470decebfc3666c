"""Certificates from strangers, read to the end at once.

`cryptography` parses parts of a certificate only when they are asked for, and a fault then appears far from where the
octets came in. Here every part that this project ever looks at is asked for on the way in, so that whoever holds a
certificate from `load` can use it without fear.

The same few certificates come in again and again (issuers, authorities, delegates of OCSP responders), so the last ones
stay parsed. That is all that is remembered: what a certificate is worth is judged anew each time.
"""

from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import spki_der
from mecai.protocol.pki.keys import UnknownKey, check_cost, public_key_of

# What the library raises, soon or late, for octets that it does not understand.
FAULTS: Final = (
    ValueError,
    TypeError,  # a name with a BIT STRING in it
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def load(der: bytes, what: str = "certificate") -> x509.Certificate:
    """Return the certificate of these DER octets; raises `Malformed` naming `what` it should have been."""
    if len(der) > LIMITS.certificate_size:
        raise Malformed(f"{what}: {len(der)} octets, more than the {LIMITS.certificate_size} allowed")
    try:
        return _parse(der)
    except Malformed as error:
        raise Malformed(f"{what}: {error.detail}") from error
    except FAULTS as error:
        raise Malformed(f"{what}: no sound DER certificate") from error


@lru_cache(LIMITS.remembered_certificates)
def _parse(der: bytes) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(der)
    _ = certificate.subject, certificate.issuer, certificate.extensions
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    check_cost(key := public_key_of(certificate))
    if isinstance(key, UnknownKey):
        spki_der(certificate)  # to be named, it has to be found
    _check_urls(certificate)
    return certificate


def _check_urls(certificate: x509.Certificate) -> None:
    """Refuse a URL that is no IA5String, which the library reads as UTF-8 where it says where status is asked."""
    access = [each.value for each in certificate.extensions if isinstance(each.value, x509.AuthorityInformationAccess)]
    for description in (item for each in access for item in each):
        place = description.access_location
        if isinstance(place, x509.UniformResourceIdentifier) and not place.value.isascii():
            raise Malformed("a URL that is no IA5String")
