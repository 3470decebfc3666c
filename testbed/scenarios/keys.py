"""Keys of the attacker's, or of another host, and certificates for them; what is given up its authority revokes."""

from cryptography import x509

from mecai.errors import HostError
from testbed.scenarios import authorities, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_MAKE_KEY = """umask 077
mkdir -p "$1"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1/key.pem"
exec openssl req -new -key "$1/key.pem" -subj "/CN=$2"
"""
_DAYS = 10


def make(arena: Arena, tag: str, name: str, host: str = "attacker") -> str:
    """Make a key for a haul, the attacker's or another host's; returns a signing request (PEM)."""
    return must(arena.run, arena.host(host).name, ["sh", "-c", _MAKE_KEY, "sh", loot.path(tag), name])


def obtain(arena: Arena, tag: str, authority: str, name: str, profile: str) -> None:
    """Have an authority's root certify a key of the attacker's for what only authorities do (`mecai ca issue`)."""
    request, attacker = make(arena, tag, name), arena.host("attacker").name
    names = (name,) if profile == "va" else ()
    chain = authorities.issue(arena, authority, request, names, profile=profile, days=_DAYS)
    loot.put(arena, attacker, tag, "chain.pem", chain.encode())
    loot.put(arena, attacker, tag, "issuer.pem", loot.get(arena, authority, authorities.ROOT))


def give_up(arena: Arena, tag: str, authority: str = "", host: str = "attacker") -> None:
    """Have the authority revoke the certificate of a haul, where one did certify it, and throw the haul away."""
    certificate = left(arena, tag, host) if authority else None
    if certificate:
        authorities.revoke(arena, authority, certificate)
    loot.drop(arena, arena.host(host).name, tag)


def left(arena: Arena, tag: str, host: str = "attacker") -> x509.Certificate | None:
    """Return the first certificate of a haul, that is to be revoked; None if what is left does not tell."""
    if not loot.has(arena, arena.host(host).name, loot.path(tag, "chain.pem")):
        return None
    try:
        return stolen(arena, tag, host)
    except HostError:
        return None


def stolen(arena: Arena, tag: str, host: str = "attacker") -> x509.Certificate:
    """Return the first certificate of a haul; raises `HostError`."""
    file = loot.path(tag, "chain.pem")
    return loot.chain(loot.get(arena, arena.host(host).name, file), file)[0]
