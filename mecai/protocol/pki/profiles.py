"""Which certificate may be what: TLS server, CA, Voucher Authority (K2), delegated OCSP responder (RFC 6960)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509 import verification as web_pki
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

from mecai.protocol.limits import LIMITS
from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING
from mecai.protocol.pki.keys import check_public_key

_VOUCHER_SIGNING: Final = x509.ObjectIdentifier(ID_KP_VOUCHER_SIGNING)


_Check = Callable[[web_pki.Policy, x509.Certificate, x509.ExtendedKeyUsage | None], None]


def _allows(*purposes: x509.ObjectIdentifier) -> _Check:
    """Return what lets an extended key usage pass that names one of these purposes, or that is not there."""

    def check(policy: web_pki.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
        del policy, certificate
        if usage is not None and not set(purposes) & set(usage):
            raise ValueError("extended key usage does not allow TLS servers")

    return check


def _check_constraints(
    policy: web_pki.Policy, certificate: x509.Certificate, constraints: x509.NameConstraints | None
) -> None:
    """Refuse subtrees with a minimum or maximum (RFC 5280 section 4.2.1.10), which the library reads and forgets."""
    del policy
    if constraints is not None and constraints.public_bytes() not in certificate.tbs_certificate_bytes:
        raise ValueError("name constraints with a minimum or maximum")


def _check_delegate_purpose(
    policy: web_pki.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage
) -> None:
    del policy, certificate
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise ValueError("extended key usage lacks id-kp-OCSPSigning")


@lru_cache(LIMITS.remembered_certificates)
def check_authority_profile(certificate: x509.Certificate) -> None:
    """Hold a Voucher Authority's certificate against rules K2 and K3, of which none depends on time or issuer.

    Raises `ValueError`, `x509.ExtensionNotFound` or `Malformed`.
    """
    check_public_key(certificate.public_key())
    extensions = certificate.extensions
    if list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) != [_VOUCHER_SIGNING]:
        raise ValueError("extended key usage is not id-kp-voucherSigning alone")
    key_usage = extensions.get_extension_for_class(x509.KeyUsage).value
    if not key_usage.digital_signature or key_usage.key_cert_sign or key_usage.crl_sign:
        raise ValueError("key usage must be digitalSignature and no CA's")
    if any(isinstance(item.value, x509.BasicConstraints) and item.value.ca for item in extensions):
        raise ValueError("it is a CA certificate")
    extensions.get_extension_for_class(x509.SubjectAlternativeName)
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    if all(entry.access_method != AuthorityInformationAccessOID.OCSP for entry in access):
        raise ValueError("no OCSP URL")
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime > LIMITS.authority_certificate_lifetime:
        raise ValueError(
            f"lifetime of {lifetime.days} days, at most {LIMITS.authority_certificate_lifetime.days} allowed"
        )


def has_critical_constraints(certificate: x509.Certificate) -> bool:
    """Tell whether a CA certificate bears name constraints that whoever does not understand them must not ignore."""
    return any(item.critical and isinstance(item.value, x509.NameConstraints) for item in certificate.extensions)


# Who may be what. A CA above an authority or a delegate may have any purpose; the Web PKI's other rules for CAs hold.
# For servers one rule holds with a name to check and without, for clients and notaries: docs/spec C4.
_SERVER_AUTH, _ANY = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
SERVER = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _allows(_SERVER_AUTH)
)
SERVER_CA = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _allows(_SERVER_AUTH, _ANY))
    .may_be_present(x509.NameConstraints, Criticality.AGNOSTIC, _check_constraints)
)
ANY_CA = ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
AUTHORITY = ExtensionPolicy.permit_all().require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, None)
DELEGATE = (
    ExtensionPolicy.permit_all()
    .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_delegate_purpose)
    .require_present(x509.OCSPNoCheck, Criticality.AGNOSTIC, None)  # else its own status would have to be asked (E3)
)
