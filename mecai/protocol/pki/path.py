"""The path of a TLS server's certificate, over its intermediates to a trusted root.

It is built and judged by `cryptography.x509.verification` (the Web PKI profile of RFC 5280). Not here: revocation
(`mecai.protocol.pki.ocsp`) and certificates with nothing between them and their root (`mecai.protocol.pki.direct`).
"""

import ipaddress
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification as web_pki

from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.constraints import has_critical_constraints
from mecai.protocol.pki.keys import check_server_key, has_server_key, public_key_of
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.pki.profiles import SERVER, SERVER_CA
from mecai.protocol.pki.roots import Roots, anchors_of, policy_builder

_Build = Callable[[list[x509.Certificate]], list[x509.Certificate]]


def validate_chain(
    end_entity: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Roots,
    server_name: str | None,
    now: datetime,
) -> list[x509.Certificate]:
    """Return the path of a TLS server's certificate, end entity to root: two certificates at least.

    `roots` that are a Store come from `anchors_of`. `server_name` is a host name or an IP address in text; None leaves
    the name unchecked (a notary has none to check).
    Raises `VerificationError` (untrusted, C4).
    """
    try:
        check_server_key(public_key_of(end_entity))
        build = _path_builder(end_entity, roots, server_name, now)
        path = _first_path(build, [each for each in intermediates if has_server_key(each)])
    except (web_pki.VerificationError, ValueError) as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error}") from error
    except Malformed as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error.detail}") from error
    if len(path) == 1:
        raise VerificationError("untrusted", "C4", "the server's certificate is itself a root; expected an issued one")
    return path


def _path_builder(end_entity: x509.Certificate, roots: Roots, server_name: str | None, now: datetime) -> _Build:
    """Return what builds a path of the end entity from intermediates."""
    anchors = roots if isinstance(roots, web_pki.Store) else anchors_of(roots)
    builder = policy_builder(anchors, now).max_chain_depth(LIMITS.intermediates)
    builder = builder.extension_policies(ca_policy=SERVER_CA, ee_policy=SERVER)
    if server_name is not None:
        server = builder.build_server_verifier(_subject(server_name))
        return lambda intermediates: server.verify(end_entity, intermediates)
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


def _subject(server_name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.DNSName(host_name_of(server_name))
    except InputError as error:  # no host name (I8) is an address
        with suppress(ValueError):
            return x509.IPAddress(ipaddress.ip_address(server_name))
        raise ValueError(str(error)) from error
