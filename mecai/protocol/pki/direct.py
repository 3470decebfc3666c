"""Certificates that their issuer must have issued itself: Voucher Authorities, delegated OCSP responders.

They are judged by `cryptography.x509.verification` (the Web PKI profile of RFC 5280); this module says which profile
holds for which kind. Revocation is not here: `mecai.protocol.pki.ocsp` judges it.
"""

from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification as web_pki
from cryptography.x509.verification import ExtensionPolicy

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.authority_profile import check_authority_profile
from mecai.protocol.pki.certificates import unchanged
from mecai.protocol.pki.keys import check_public_key, public_key_of
from mecai.protocol.pki.profiles import ANY_CA, AUTHORITY, DELEGATE
from mecai.protocol.pki.roots import Roots, policy_builder
from mecai.protocol.remembered import Remembered

_ISSUERS: Remembered[tuple[x509.Certificate, object, ExtensionPolicy], x509.Certificate] = Remembered(
    LIMITS.remembered_certificates
)


def validate_authority(certificate: x509.Certificate, roots: Roots, now: datetime) -> x509.Certificate:
    """Return the root that directly issued this Voucher Authority's certificate (rule V3).

    Raises `VerificationError` (untrusted-authority) for another issuer, a sub-CA between, a CA certificate, an extended
    key usage that is not critical or not alone, a missing OCSP URL, a lifetime or key beyond the limits.
    """
    try:
        check_authority_profile(certificate)
        root = _validate_direct(certificate, roots, AUTHORITY, now)
        check_public_key(public_key_of(root))  # the Web PKI's profile lets more pass than K3
    except (web_pki.VerificationError, Malformed, ValueError) as error:
        raise VerificationError("untrusted-authority", "V3", f"the authority's certificate: {error}") from error
    return root


def validate_delegate(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    """Check that `issuer` itself issued this OCSP responder's certificate, with id-kp-OCSPSigning, valid at `now`.

    RFC 6960 section 4.2.2.2. Raises `VerificationError` (status-missing, V11).
    """
    try:
        _validate_direct(certificate, [issuer], DELEGATE, now)
    except (web_pki.VerificationError, ValueError) as error:
        raise VerificationError("status-missing", "V11", f"the OCSP responder's certificate: {error}") from error


def _validate_direct(
    certificate: x509.Certificate, anchors: Roots, policy: ExtensionPolicy, now: datetime
) -> x509.Certificate:
    """Return the anchor that issued `certificate` with nothing in between."""
    key = (certificate, anchors if isinstance(anchors, web_pki.Store) else tuple(anchors), policy)
    if found := _ISSUERS.get(key, now):
        return found
    builder = policy_builder(anchors, now).max_chain_depth(0)
    builder = builder.extension_policies(ca_policy=ANY_CA, ee_policy=policy)
    issuer = builder.build_client_verifier().verify(certificate, []).chain[-1]
    _ISSUERS.put(key, issuer, *unchanged((certificate, issuer), now))
    return issuer
