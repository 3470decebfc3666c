"""Whether a certificate revocation list settles the status of one certificate (RFC 5280 sections 5 and 6.3.3).

Only complete lists of the certificate's own issuer count: no deltas, no indirect lists, none for some reasons only. A
list that is cut into shards must name the distribution point that the certificate names. A revocation in a validly
signed list holds whatever the list's age.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.certificates import is_ca
from mecai.protocol.pki.keys import check_public_key, public_key_of

# Extensions whose meaning is looked at below; any other that is critical makes a list useless to us.
_UNDERSTOOD: Final = (x509.IssuingDistributionPoint, x509.CRLNumber, x509.AuthorityKeyIdentifier)
_FAULTS: Final = (  # what the library raises for a list that is none; not all of it is a ValueError
    *(ValueError, TypeError, UnsupportedAlgorithm, Malformed),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
_HASHES: Final = frozenset({hashes.SHA256.name, hashes.SHA384.name, hashes.SHA512.name})


@dataclass(frozen=True)
class CrlStatus:
    """A good status: from when to when the list says so."""

    this_update: datetime
    next_update: datetime


def judge_crl(
    encoded: bytes, certificate: x509.Certificate, issuer: x509.Certificate, url: str, now: datetime
) -> CrlStatus:
    """Return the good status that the DER CRL fetched from `url` proves for `certificate` at `now`.

    Raises `VerificationError` under V11: `revoked`, `status-missing` (no list of the right issuer and scope) or
    `status-stale`.
    """
    try:
        crl = x509.load_der_x509_crl(encoded)
        _check_signature(crl, issuer)
        _check_scope(crl, certificate, url)
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        times = crl.last_update_utc, crl.next_update_utc
    except _FAULTS as error:
        raise _missing(f"no usable CRL ({error})") from error
    if entry is not None:
        raise VerificationError("revoked", "V11", f"{certificate.subject.rfc4514_string()} is revoked")
    return _fresh(*times, now)


def distribution_points(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return where complete, direct lists for a certificate lie."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    whole = [point for point in points if point.reasons is None and point.crl_issuer is None]
    return tuple(url for point in whole for url in _urls(point.full_name))


def _check_signature(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    if crl.issuer != issuer.subject:
        raise ValueError(f"issued by {crl.issuer.rfc4514_string()}")
    usage = [each.value for each in issuer.extensions if isinstance(each.value, x509.KeyUsage)]
    if not all(bits.crl_sign for bits in usage):
        raise ValueError("its issuer's key must not sign CRLs")
    if crl.signature_hash_algorithm is None or crl.signature_hash_algorithm.name not in _HASHES:
        raise ValueError(f"signature algorithm {crl.signature_algorithm_oid.dotted_string} is not accepted")
    if not crl.is_signature_valid(check_public_key(public_key_of(issuer))):
        raise ValueError("its signature does not verify")


def _check_scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate, url: str) -> None:
    """Refuse a list that does not speak for this certificate, or not of all reasons (RFC 5280 section 5.2)."""
    for extension in crl.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise ValueError(f"critical extension {extension.oid.dotted_string}")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            _check_point(extension.value, certificate, url)


def _check_point(point: x509.IssuingDistributionPoint, certificate: x509.Certificate, url: str) -> None:
    authority = is_ca(certificate)
    partial = point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs
    if partial or (point.only_contains_user_certs and authority) or (point.only_contains_ca_certs and not authority):
        raise ValueError("its scope leaves out the certificate")
    if point.relative_name or (point.full_name is not None and url not in _urls(point.full_name)):
        raise ValueError("it belongs to another distribution point")


def _fresh(this_update: datetime, next_update: datetime | None, now: datetime) -> CrlStatus:
    if next_update is None:
        raise _missing("no usable CRL (it names no nextUpdate)")
    if this_update > now + LIMITS.clock_skew or next_update <= now:
        raise VerificationError("status-stale", "V11", f"CRL holds from {this_update} to {next_update}")
    return CrlStatus(this_update, next_update)


def _urls(names: list[x509.GeneralName] | None) -> list[str]:
    return [name.value for name in names or () if isinstance(name, x509.UniformResourceIdentifier)]


def _missing(detail: str) -> VerificationError:
    return VerificationError("status-missing", "V11", detail)
