"""Addresses, interfaces, routes and DNS records of a lab: a pure function of the topology.

The lab's public internet is 198.18.0.0/15 (RFC 2544) and 2001:db8::/32 (RFC 3849). The zone at position N of the file
gets 198.18.N.0/24 and 2001:db8:N::/64; in each, the router is 1 and hosts count from 10 in the order of the file. The
decimal numbers of IPv4 stand as they are in IPv6, so that 198.18.3.10 and 2001:db8:3::10 are seen to be one host.
"""

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from testbed.model.topology import Host, Topology, Zone

_ROUTER_NUMBER = 1
_FIRST_HOST_NUMBER = 10


@dataclass(frozen=True)
class Leg:
    """One interface of a host: its name inside, the switch port it is joined to, its addresses."""

    zone: str
    interface: str
    port: str
    ipv4: IPv4Interface
    ipv6: IPv6Interface


@dataclass(frozen=True)
class Record:
    """One DNS record, type A or AAAA."""

    name: str
    type: str
    address: str


@dataclass(frozen=True)
class Plan:
    """Every host's legs, first the one of its own zone."""

    topology: Topology
    legs: dict[str, tuple[Leg, ...]]

    def addresses(self, host: str) -> tuple[str, str]:
        """Return the host's IPv4 and IPv6 address, as text, in its own zone."""
        leg = self.legs[host][0]
        return str(leg.ipv4.ip), str(leg.ipv6.ip)

    def gateway(self, zone: str) -> Leg:
        """Return the router's leg in a zone."""
        return next(leg for leg in self.legs[self.topology.router.name] if leg.zone == zone)

    def records(self) -> list[Record]:
        """List the DNS records of all hosts, `HOST.DOMAIN` first, then its own names."""
        return [
            Record(name, kind, address)
            for host in self.topology.hosts
            for name in (f"{host.name}.{self.topology.domain}", *host.names)
            for kind, address in zip(("A", "AAAA"), self.addresses(host.name), strict=True)
        ]


def make(topology: Topology) -> Plan:
    """Allot every address of the lab."""
    positions = {zone.name: position for position, zone in enumerate(topology.zones, start=1)}
    used: Counter[str] = Counter()
    legs: dict[str, tuple[Leg, ...]] = {}
    for host in topology.hosts:
        if host.role == "router":
            legs[host.name] = _router_legs(host, topology.zones, positions)
        else:
            number = _FIRST_HOST_NUMBER + used[host.zone]
            used[host.zone] += 1
            legs[host.name] = (_leg(host.zone, "eth0", f"{host.name}.0", positions[host.zone], number),)
    return Plan(topology, legs)


def _router_legs(router: Host, zones: tuple[Zone, ...], positions: dict[str, int]) -> tuple[Leg, ...]:
    own_first = sorted((zone.name for zone in zones), key=lambda name: (name != router.zone, positions[name]))
    return tuple(
        _leg(zone, zone, f"{router.name}.{index}", positions[zone], _ROUTER_NUMBER)
        for index, zone in enumerate(own_first)
    )


def _leg(zone: str, interface: str, port: str, position: int, number: int) -> Leg:
    return Leg(
        zone=zone,
        interface=interface,
        port=port,
        ipv4=IPv4Interface(f"198.18.{position}.{number}/24"),
        ipv6=IPv6Interface(f"2001:db8:{position}::{number}/64"),
    )
