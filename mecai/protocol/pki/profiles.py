"""Which certificate may be what, as policies of `cryptography.x509.verification`.

TLS server, CA, Voucher Authority (of which `authority_profile` demands more), delegated OCSP responder (RFC 6960).
"""

from collections.abc import Callable

from cryptography import x509
from cryptography.x509 import verification as web_pki
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

from mecai.protocol.pki.constraints import check_distances

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
    del policy
    if constraints is not None:
        check_distances(certificate)


def _check_delegate_purpose(
    policy: web_pki.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage
) -> None:
    del policy, certificate
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise ValueError("extended key usage lacks id-kp-OCSPSigning")


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
