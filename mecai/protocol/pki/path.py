"""Certificate paths: server chains, Voucher Authorities' certificates, delegated OCSP responders.

Paths are built and judged by `cryptography.x509.verification` (the Web PKI profile of RFC 5280); this module only says
which profile holds for which kind of certificate. Revocation is not here: `mecai.protocol.pki.ocsp` judges it.
"""

import ipaddress
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification as web_pki
from cryptography.x509.verification import ExtensionPolicy

from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.keys import check_public_key, check_server_key
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.pki.profiles import (
    ANY_CA,
    AUTHORITY,
    DELEGATE,
    SERVER,
    SERVER_CA,
    check_authority_profile,
    has_critical_constraints,
)

# Trusted roots; as a Store, whoever trusts the same ones again spares parsing their keys again.
Roots = web_pki.Store | Sequence[x509.Certificate]
_Build = Callable[[list[x509.Certificate]], list[x509.Certificate]]


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
        build = _path_builder(end_entity, roots, server_name, now)
        path = _first_path(build, intermediates)
        for certificate in path:
            check_server_key(certificate.public_key())
    except (web_pki.VerificationError, ValueError) as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error}") from error
    except Malformed as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error.detail}") from error
    if len(path) == 1:
        raise VerificationError("untrusted", "C4", "the server's certificate is itself a root; expected an issued one")
    return path


def _path_builder(end_entity: x509.Certificate, roots: Roots, server_name: str | None, now: datetime) -> _Build:
    """Return what builds a path of the end entity from intermediates."""
    builder = _builder(roots, now).max_chain_depth(LIMITS.intermediates)
    if server_name is not None:
        server = builder.build_server_verifier(_subject(server_name))
        return lambda intermediates: server.verify(end_entity, intermediates)
    builder = builder.extension_policies(ca_policy=SERVER_CA, ee_policy=SERVER)
    client = builder.build_client_verifier()
    return lambda intermediates: client.verify(end_entity, intermediates).chain


def _first_path(build: _Build, intermediates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Build a path, at the second try without the certificates whose constraints the library may not process.

    It gives up altogether where it meets one (a critical directoryName, say), although another path may be good.
    Leaving such a certificate out never lets a path through that it constrains. Raises what the first try raised.
    """
    try:
        return build(list(intermediates))
    except web_pki.VerificationError:
        others = [certificate for certificate in intermediates if not has_critical_constraints(certificate)]
        if len(others) == len(intermediates):
            raise
        with suppress(web_pki.VerificationError):
            return build(others)
        raise


def validate_authority(certificate: x509.Certificate, roots: Roots, now: datetime) -> x509.Certificate:
    """Return the root that directly issued this Voucher Authority's certificate (rule V3).

    Raises `VerificationError` (untrusted-authority) for another issuer, a sub-CA between, a CA certificate, an extended
    key usage that is not critical or not alone, a missing OCSP URL, a lifetime or key beyond the limits.
    """
    try:
        check_authority_profile(certificate)
        root = _validate_direct(certificate, roots, AUTHORITY, now)
        check_public_key(root.public_key())  # the Web PKI's profile lets more pass than K3
    except (web_pki.VerificationError, Malformed, ValueError, x509.ExtensionNotFound) as error:
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
    builder = _builder(anchors, now).max_chain_depth(0)
    builder = builder.extension_policies(ca_policy=ANY_CA, ee_policy=policy)
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
            return x509.DNSName(host_name_of(server_name))
        except InputError as error:
            raise ValueError(str(error)) from error
