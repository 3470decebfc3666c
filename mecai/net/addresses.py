"""Which addresses may be contacted on a stranger's word: the one list for probes and for fetches (docs/spec, P3).

Pure: no name is resolved here. Who asks has resolved the name once and connects to exactly the address that was asked
about, so that a name cannot mean another address a moment later.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mecai.errors import VerificationError
from mecai.protocol.pki.identity import address_text
from mecai.service.settings import Network

# IANA's special-purpose address registries (RFC 6890), with those that reach other networks by translation. The first
# network that holds an address gives the reason; the last three are the rest of IPv6 that is not global unicast.
_REFUSED: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ipaddress.ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade translation"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("64:ff9b::/96", "IPv4 translation"),
        ("64:ff9b:1::/48", "IPv4 translation"),
        ("2001::/23", "protocol assignments, Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("::/3", "not global unicast"),
        ("4000::/2", "not global unicast"),
        ("8000::/1", "not global unicast"),
    )
)


class AddressRefused(VerificationError):
    """An address that may not be contacted."""

    def __init__(self, detail: str) -> None:
        super().__init__("address-refused", "P3", detail)


@dataclass(frozen=True)
class AddressPolicy:
    """An operator's view of P3: `allowed` networks are exceptions to the list, `refused` ones (his own) hold always."""

    allowed: tuple[Network, ...] = ()
    refused: tuple[Network, ...] = ()

    def check(self, address: bytes) -> None:
        """Let an address of 4 or 16 octets pass, or raise `AddressRefused` with the reason."""
        found = ipaddress.ip_address(address)
        if _holds(self.refused, found):
            raise AddressRefused(f"{address_text(address)} is in a network that this operator refuses")
        if _holds(self.allowed, found):
            return
        for network, why in _REFUSED:
            if _holds((network,), found):
                raise AddressRefused(f"{address_text(address)} is in {network} ({why})")


def _holds(networks: Iterable[Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in networks)
