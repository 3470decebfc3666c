"""Addresses, interfaces, routes and DNS records of a lab: a pure function of the topology.

The lab's public internet is 198.18.0.0/15 (RFC 2544) and 2001:db8::/32 (RFC 3849). The zone at position N of the file
gets 198.18.N.0/24 and 2001:db8:N::/64, a private one 10.66.N.0/24 (RFC 1918) and fd66:10:66:N::/64 (RFC 4193); in
each, routers count from 1 and hosts from 10, in the order of the file; a host's second address is 100 further. The
decimal numbers of IPv4 stand as they are in IPv6, so that 198.18.3.10 and 2001:db8:3::10 are seen to be one host.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_network

from mecai.errors import InputError
from testbed.model.topology import Host, Topology, Zone

# The networks of all labs; each lab has them for itself.
NETWORKS = ("198.18.0.0/15", "2001:db8::/32")
PRIVATE_NETWORKS = ("10.66.0.0/16", "fd66:10:66::/48")
_FIRST_ROUTER = 1
_FIRST_HOST = 10
_SECOND_ADDRESS = 100
_EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True)
class Interface:
    """One interface of a host: the zone it leads to, whose name it bears, its switch port, its addresses.

    `more` are those of a host that has several of a family, IPv4 and IPv6 in turn.
    """

    zone: str
    port: str
    ipv4: IPv4Interface
    ipv6: IPv6Interface
    more: tuple[IPv4Interface | IPv6Interface, ...] = ()

    @property
    def all(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """Every address, IPv4 and IPv6 in turn."""
        return (self.ipv4, self.ipv6, *self.more)


@dataclass(frozen=True)
class Route:
    """A route of a host, in one family: where to, and the neighbour's address that is next."""

    to: IPv4Network | IPv6Network
    via: IPv4Address | IPv6Address


@dataclass(frozen=True)
class DnsRecord:
    """One DNS record, type A or AAAA."""

    name: str
    type: str
    address: str


@dataclass(frozen=True)
class Plan:
    """Every host's interfaces, the one in its own zone first, and every host's routes."""

    topology: Topology
    interfaces: dict[str, tuple[Interface, ...]]
    routes: dict[str, tuple[Route, ...]]

    def addresses(self, host: str) -> tuple[str, str]:
        """Return the host's IPv4 and IPv6 address, as text, in its own zone."""
        own = self.interfaces[host][0]
        return str(own.ipv4.ip), str(own.ipv6.ip)

    def every_address(self, host: str) -> tuple[str, ...]:
        """Return all of a host's addresses in its own zone, IPv4 and IPv6 in turn."""
        return tuple(str(address.ip) for address in self.interfaces[host][0].all)

    def interface(self, host: str, zone: str) -> Interface:
        """Return the interface of a host in a zone that it is linked to."""
        return next(interface for interface in self.interfaces[host] if interface.zone == zone)

    def resolver(self, host: str) -> Host:
        """Return the host that answers this one's DNS questions: itself, or the nearest that does."""
        asking = self.topology.host(host)
        return asking if asking.resolves else self.upstream(host)

    def upstream(self, host: str) -> Host:
        """Return the nearest host but this one that answers DNS."""
        asking = self.topology.host(host)
        for way in self.topology.ways(asking):
            for other in self.topology.linked(way.zone):
                if other.resolves and other != asking and other.serves(way.zone):
                    return other
        raise InputError(f"topology {self.topology.name}: no host answers DNS for {host}")

    def records(self, zone: str = "") -> list[DnsRecord]:
        """List the DNS records of all hosts in public zones, or of one private zone, `HOST.DOMAIN` first."""
        homes = [zone] if zone else [zone.name for zone in self.topology.zones if not zone.private]
        return [
            DnsRecord(name, "AAAA" if ":" in address else "A", address)
            for host in self.topology.hosts
            if host.zone in homes
            for name in (f"{host.name}.{self.topology.domain}", *host.names)
            for address in self.every_address(host.name)
        ]


def make(topology: Topology) -> Plan:
    """Allot every address of the lab and find every route."""
    interfaces = {host.name: tuple(_interfaces(topology, host)) for host in topology.hosts}
    plan = Plan(topology, interfaces, {})
    return Plan(topology, interfaces, {host.name: tuple(_routes(plan, host)) for host in topology.hosts})


def _interfaces(topology: Topology, host: Host) -> Iterator[Interface]:
    positions = {zone.name: position for position, zone in enumerate(topology.zones, start=1)}
    for index, name in enumerate(host.links):
        zone, position, number = topology.zone(name), positions[name], _number(topology, host, name)
        further = range(1, 1 if index else host.addresses)
        more = (one for count in further for one in _addresses(zone, position, number + _SECOND_ADDRESS * count))
        yield Interface(name, f"{host.name}.{index}", *_addresses(zone, position, number), tuple(more))


def _addresses(zone: Zone, position: int, number: int) -> tuple[IPv4Interface, IPv6Interface]:
    """Return the addresses with a number in the zone at this position."""
    net4, net6 = ("10.66", "fd66:10:66") if zone.private else ("198.18", "2001:db8")
    return IPv4Interface(f"{net4}.{position}.{number}/24"), IPv6Interface(f"{net6}:{position}::{number}/64")


def _number(topology: Topology, host: Host, zone: str) -> int:
    """Return the number of a host in a zone: its place among the routers there, or among all others."""
    alike = [other for other in topology.linked(zone) if other.forwards == host.forwards]
    return (_FIRST_ROUTER if host.forwards else _FIRST_HOST) + alike.index(host)


def _routes(plan: Plan, host: Host) -> Iterator[Route]:
    """Yield a host's default routes, in both families; of a router, its routes to the zones beyond its own.

    In a topology of autonomous systems routers have none to begin with: they learn all by BGP.
    """
    if not host.routes:
        out = host.links[1:] if host.guards else host.links[:1]
        gateways = (plan.interface(found.name, zone) for zone in out if (found := plan.topology.gateway(zone)))
        if gateway := next(gateways, None):
            yield from _both(gateway, *_EVERYWHERE)
    elif not plan.topology.systems:
        for way in plan.topology.ways(host):
            if way.neighbour:
                target = plan.interface(plan.topology.linked(way.zone)[0].name, way.zone)
                yield from _both(plan.interface(way.neighbour, way.over), target.ipv4.network, target.ipv6.network)


def _both(next_hop: Interface, *networks: IPv4Network | IPv6Network) -> Iterator[Route]:
    for network in networks:
        yield Route(network, next_hop.ipv4.ip if network.version == 4 else next_hop.ipv6.ip)  # noqa: PLR2004 - IPv4
