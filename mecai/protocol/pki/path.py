"""Certificate paths: server chains, Voucher Authorities' certificates, delegated OCSP responders.

Paths are built and judged by `cryptography.x509.verification` (the Web PKI profile of RFC 5280); this module only says
which profile holds for which kind of certificate. Revocation is not here: `mecai.protocol.pki.ocsp` judges it.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.x509 import verification as web_pki
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING
from mecai.protocol.pki.keys import check_public_key
from mecai.protocol.pki.names import host_name

_SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
_VOUCHER_SIGNING = x509.ObjectIdentifier(ID_KP_VOUCHER_SIGNING)

# Trusted roots; as a Store, whoever trusts the same ones again spares parsing their keys again.
Roots = web_pki.Store | Sequence[x509.Certificate]


def validate_chain(
    end_entity: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Roots,
    server_name: str | None,
    now: datetime,
) -> list[x509.Certificate]:
    """Return the path of a TLS server's certificate, end entity to root: two certificates at least.

    `server_name` is a host name or an IP address in text; None leaves the name unchecked (a notary has none to check).
    Raises `VerificationError` (untrusted, C4).
    """
    try:
        builder = _builder(roots, now).max_chain_depth(LIMITS.intermediates)
        if server_name is not None:
            path = builder.build_server_verifier(_subject(server_name)).verify(end_entity, list(intermediates))
        else:
            builder = builder.extension_policies(ca_policy=_SERVER_CA, ee_policy=_SERVER)
            path = builder.build_client_verifier().verify(end_entity, list(intermediates)).chain
    except (web_pki.VerificationError, ValueError) as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error}") from error
    if len(path) == 1:
        raise VerificationError("untrusted", "C4", "the server's certificate is itself a root; expected an issued one")
    return path


def validate_authority(certificate: x509.Certificate, roots: Roots, now: datetime) -> x509.Certificate:
    """Return the root that directly issued this Voucher Authority's certificate (rule V3).

    Raises `VerificationError` (untrusted-authority) for another issuer, a sub-CA between, a CA certificate, an extended
    key usage that is not critical or not alone, a missing OCSP URL, a lifetime or key beyond the limits.
    """
    try:
        _check_authority_profile(certificate)
        root = _validate_direct(certificate, roots, _AUTHORITY, now)
        check_public_key(root.public_key())  # the Web PKI's profile lets more pass than K3
    except (web_pki.VerificationError, Malformed, ValueError, x509.ExtensionNotFound) as error:
        raise VerificationError("untrusted-authority", "V3", f"the authority's certificate: {error}") from error
    return root


def validate_delegate(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    """Check that `issuer` itself issued this OCSP responder's certificate, with id-kp-OCSPSigning, valid at `now`.

    RFC 6960 section 4.2.2.2. Raises `VerificationError` (status-missing, V11).
    """
    try:
        _validate_direct(certificate, [issuer], _DELEGATE, now)
    except (web_pki.VerificationError, ValueError) as error:
        raise VerificationError("status-missing", "V11", f"the OCSP responder's certificate: {error}") from error


def _validate_direct(
    certificate: x509.Certificate, anchors: Roots, policy: ExtensionPolicy, now: datetime
) -> x509.Certificate:
    """Return the anchor that issued `certificate` with nothing in between."""
    builder = _builder(anchors, now).max_chain_depth(0)
    builder = builder.extension_policies(ca_policy=_ANY_CA, ee_policy=policy)
    return builder.build_client_verifier().verify(certificate, []).chain[-1]


def _builder(roots: Roots, now: datetime) -> web_pki.PolicyBuilder:
    if not isinstance(roots, web_pki.Store):
        if not roots:
            raise web_pki.VerificationError("no trusted root to reach")
        roots = web_pki.Store(list(roots))
    return web_pki.PolicyBuilder().store(roots).time(now)


def _subject(server_name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(server_name))
    except ValueError:
        try:
            return x509.DNSName(host_name(server_name))
        except InputError as error:
            raise ValueError(str(error)) from error


def _check_server_purpose(
    policy: web_pki.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    del policy, certificate
    if usage is not None and _SERVER_AUTH not in usage:
        raise ValueError("extended key usage does not allow TLS servers")


def _check_delegate_purpose(
    policy: web_pki.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage
) -> None:
    del policy, certificate
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise ValueError("extended key usage lacks id-kp-OCSPSigning")


@lru_cache(LIMITS.remembered_certificates)
def _check_authority_profile(certificate: x509.Certificate) -> None:
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


def _with_purpose(policy: ExtensionPolicy) -> ExtensionPolicy:
    """Return a policy whose extended key usage, where present, must allow TLS servers."""
    return policy.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_server_purpose)


# Who may be what. A CA above an authority or a delegate may have any purpose; the Web PKI's other rules for CAs hold.
_SERVER = _with_purpose(ExtensionPolicy.webpki_defaults_ee())
_SERVER_CA = _with_purpose(ExtensionPolicy.webpki_defaults_ca())
_ANY_CA = ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
_AUTHORITY = ExtensionPolicy.permit_all().require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, None)
_DELEGATE = ExtensionPolicy.permit_all().require_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_delegate_purpose
)
