"""What routers tell each other by BGP (RFC 4271): which prefixes each system has, and who are neighbours.

Every system has one router. Two routers are neighbours where they stand in one zone, in IPv4 and IPv6 alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from testbed.model.plan import Plan

# A zone's IPv6 network is a /64; its system announces the /48 around it, so that a more specific prefix can be told.
_ANNOUNCED_IPV6 = 48

Prefix = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Neighbour:
    """A router of another system: the zone in which it is met, its name, its number, its addresses there."""

    zone: str
    name: str
    system: int
    ipv4: str
    ipv6: str


def neighbours(plan: Plan, router: str) -> Iterator[Neighbour]:
    """Yield the neighbours of a router, in the order of its links and of the file."""
    topology = plan.topology
    own = topology.home(topology.host(router)).system
    for zone in topology.host(router).links:
        for other in topology.linked(zone):
            system = topology.home(other).system
            if other.routes and system != own:
                met = plan.interface(other.name, zone)
                yield Neighbour(zone, other.name, system, str(met.ipv4.ip), str(met.ipv6.ip))


def prefixes(plan: Plan, system: int) -> tuple[list[str], list[str]]:
    """Return the IPv4 and the IPv6 prefixes that a system announces: those of its zones."""
    networks = [
        announced(plan, zone.name)
        for zone in plan.topology.zones
        if zone.system == system and plan.topology.linked(zone.name)
    ]
    return [str(ipv4) for ipv4, _ in networks], [str(ipv6) for _, ipv6 in networks]


def announced(plan: Plan, zone: str) -> tuple[Prefix, Prefix]:
    """Return the prefixes that the system of a zone, which a host is linked to, announces for it."""
    some = plan.interface(plan.topology.linked(zone)[0].name, zone)
    return some.ipv4.network, some.ipv6.network.supernet(new_prefix=_ANNOUNCED_IPV6)
