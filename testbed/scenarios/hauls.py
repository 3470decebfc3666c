"""What is known of a certificate that somebody in a scenario has: of a haul, or of the site that a host serves."""

from cryptography import x509

from mecai.protocol.pki.identity import hash_of
from testbed.scenarios import asking, loot
from testbed.scenarios.arena import Arena


def chain(arena: Arena, host: str, tag: str) -> tuple[x509.Certificate, ...]:
    """Return the chain, end entity first; raises `HostError`."""
    file = asking.chain_of(arena, host, tag)
    return tuple(loot.chain(loot.get(arena, host, file), file))


def fingerprint(arena: Arena, host: str, tag: str) -> str:
    """Return the SHA-256 of its certificate, in hexadecimal; raises `HostError`."""
    return hash_of(chain(arena, host, tag)[0]).hex()
