"""C4: the path from a server's certificate to a root (RFC 5280 section 6, with the profile of docs/spec section 12.2).

Trust anchors are tried before what the server presented, each in its order; the first path without a fault is taken.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from tests.conformance.plain import certificates, names
from tests.conformance.plain.certificates import EMPTY_NAME, Certificate, check_extensions, check_sound, issued_by
from tests.conformance.plain.constraints import allows
from tests.conformance.plain.refusal import Refused, expect, refused_as

_INTERMEDIATES = 8
_CHAIN = 10  # certificates that a server may present
_OF_SERVERS = {
    certificates.BASIC_CONSTRAINTS,
    certificates.KEY_USAGE,
    certificates.EXTENDED_KEY_USAGE,
    certificates.SUBJECT_KEY,
    certificates.ALTERNATIVE_NAME,
}
_OF_CAS = {
    certificates.BASIC_CONSTRAINTS,
    certificates.KEY_USAGE,
    certificates.EXTENDED_KEY_USAGE,
    certificates.ALTERNATIVE_NAME,
    certificates.NAME_CONSTRAINTS,
}
Path = tuple[Certificate, ...]


def read_chain(presented: Sequence[bytes]) -> list[Certificate]:
    """Return what a server presented; nothing of it may be unreadable, for V6 asks all of it."""
    expect(0 < len(presented) <= _CHAIN, f"{len(presented)} certificates", "untrusted")
    with refused_as("untrusted"):
        return [certificates.load(octets) for octets in presented]


def validate(chain: Sequence[Certificate], roots: Sequence[Certificate], name: str, now: datetime) -> Path:
    """Return the first path without a fault, end entity first and root last."""
    server, *others = chain
    with refused_as("untrusted"):
        _check_server(server, name, now)
        expect(server.raw not in {root.raw for root in roots}, "the server's certificate is itself a root")
        path = next(_paths((server,), others, roots, now), None)
        expect(path, "no path to a root")
        return path


def _paths(path: Path, others: Sequence[Certificate], roots: Sequence[Certificate], now: datetime) -> Iterator[Path]:
    last = path[-1]
    if last.raw in {root.raw for root in roots}:
        yield path
        return
    for issuer in (*roots, *others):
        with suppress(Refused):
            expect(issuer not in path, "a circle")
            check_issuer(issuer, path, now)
            yield from _paths((*path, issuer), others, roots, now)


def check_issuer(issuer: Certificate, path: Path, now: datetime) -> None:
    """Refuse a certificate that did not issue the last one of a path, or was not allowed to."""
    below = len(path) - 1
    expect(below <= _INTERMEDIATES, "more than 8 intermediates")
    expect(issued_by(path[-1], issuer), "another issuer")
    check_ca(issuer, now)
    expect(issuer.key.for_servers, "a key that K7 does not have")
    _, length = issuer.basic_constraints
    expect(length is None or below <= length, "more CAs below it than its path length")
    purposes = issuer.purposes
    allowed = purposes is None or {certificates.SERVER_AUTH, certificates.ANY_PURPOSE} & set(purposes)
    expect(allowed, "a CA for other purposes than servers")
    expect(allows(issuer, path), "its name constraints")


def check_ca(issuer: Certificate, now: datetime) -> None:
    """Refuse what no CA's certificate may be."""
    check_sound(issuer)
    expect(issuer.valid_at(now), "a CA out of its time")
    expect(issuer.subject != EMPTY_NAME, "a CA without a name")
    expect(issuer.is_ca, "no CA")
    expect(issuer.critical(certificates.BASIC_CONSTRAINTS), "basicConstraints that are not critical")
    expect(issuer.usage(5), "a CA without keyCertSign")
    expect(issuer.names_a_key, "an authority key identifier without a key")
    check_extensions(issuer, _OF_CAS)


def _check_server(server: Certificate, name: str, now: datetime) -> None:
    """Refuse what no server's certificate may be."""
    check_sound(server)
    expect(server.valid_at(now), "a server's certificate out of its time")
    expect(not server.is_ca, "a server that is a CA")
    expect(not server.usage(5), "a server with keyCertSign")
    expect(not server.has(certificates.NAME_CONSTRAINTS), "a server with name constraints")
    expect(server.has(certificates.AUTHORITY_KEY), "a server's certificate without authority key identifier")
    purposes = server.purposes
    expect(purposes is None or certificates.SERVER_AUTH in purposes, "not for TLS servers")
    nameless = server.subject == EMPTY_NAME
    expect(server.critical(certificates.ALTERNATIVE_NAME) == nameless, "critical names beside a subject")
    expect(server.key.for_servers, "a key that K7 does not have")
    expect(named(server, name), "for another name")
    check_extensions(server, _OF_SERVERS)


def named(server: Certificate, name: str) -> bool:
    """Tell whether a server's certificate is for a host name or an IP address (RFC 9525 section 6)."""
    if (octets := names.address(name)) is not None:
        return octets in server.names(certificates.IP_ADDRESS)
    try:
        wanted = names.host_name(name)
    except Refused:
        return False
    return any(names.stands_for(each.decode(), wanted) for each in server.names(certificates.DNS_NAME))
