"""Certificates from strangers, read to the end at once.

`cryptography` parses parts of a certificate only when they are asked for, and a fault then appears far from where the
octets came in. Here every part that this project ever looks at is asked for on the way in, so that whoever holds a
certificate from `load` or `check` can use it without fear.
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from mecai.protocol.errors import Malformed

_FAULTS = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def load(der: bytes, what: str = "certificate") -> x509.Certificate:
    """Return the certificate of these DER octets; raises `Malformed` naming `what` it should have been."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except (*_FAULTS, x509.InvalidVersion) as error:
        raise Malformed(f"{what}: no DER certificate ({error})") from error
    return check(certificate, what)


def check(certificate: x509.Certificate, what: str = "certificate") -> x509.Certificate:
    """Return the certificate when every part of it parses; raises `Malformed` otherwise."""
    try:
        _ = certificate.subject, certificate.issuer, certificate.extensions
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        certificate.public_key()
    except _FAULTS as error:
        raise Malformed(f"{what}: a part of it does not parse ({error})") from error
    return certificate
