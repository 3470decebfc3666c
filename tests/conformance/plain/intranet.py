"""Private networks: rule M4 (section 6.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tests.conformance.plain import names, status
from tests.conformance.plain.certificates import Certificate
from tests.conformance.plain.path import Path, read_chain, validate
from tests.conformance.plain.refusal import Refused, expect, refused_as

_OLDEST = timedelta(hours=48)


@dataclass(frozen=True)
class Network:
    """A private network."""

    domains: Sequence[str]
    roots: Sequence[Certificate]
    pins: Sequence[bytes]


def measure(networks: Sequence[Network], server_name: str) -> tuple[str, Network] | None:
    """Return the longest domain that a name equals or lies below, and its network."""
    try:
        name = names.host_name(server_name)
    except Refused:
        name = server_name.lower().rstrip(".")
    found = [(each, network) for network in networks for each in network.domains if _holds(each, name)]
    return max(found, key=lambda pair: len(pair[0]), default=None)


def _holds(domain: str, name: str) -> bool:
    return name == domain or name.endswith("." + domain)


def verify(  # noqa: PLR0917 the things that a verdict depends on
    network: Network,
    server_name: str,
    chain: Sequence[bytes],
    staple: bytes | None,
    responders: Mapping[bytes, bytes],
    now: datetime,
) -> None:
    """Refuse what rule M4 refuses."""
    with refused_as("pin-mismatch"):
        path = validate(read_chain(chain), network.roots, server_name, now)
    pinned = _below_the_pin(path, network.pins)
    for certificate, issuer in pairwise(pinned):
        if staple is not None and _good(staple, certificate, issuer, now):
            continue
        answer = responders.get(certificate.hash)
        expect(answer is not None, "nobody says how it stands", "status-unavailable")
        _check(answer, certificate, issuer, now)


def _below_the_pin(path: Path, pins: Sequence[bytes]) -> Path:
    """Return the path up to the pinned key that is nearest to the end entity, or to the root."""
    if not pins:
        return path
    place = next((place for place, each in enumerate(path) if place and each.key_hash in pins), None)
    expect(place, "no pinned key in the path", "pin-mismatch")
    return path[: place + 1]


def _good(staple: bytes, certificate: Certificate, issuer: Certificate, now: datetime) -> bool:
    try:
        _check(staple, certificate, issuer, now)
    except Refused as error:
        if error.reason == "revoked":
            raise
        return False
    return True


def _check(response: bytes, certificate: Certificate, issuer: Certificate, now: datetime) -> None:
    answer = status.judge(response, certificate, issuer, now, _OLDEST)
    expect(answer.end is not None, "it names no end", "status-missing")
