"""A topology as values: the networks of a lab, named by what they mean, and the hosts that are linked to them.

`reading` makes one from a file. Addresses are not in it: see `plan`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mecai.errors import InputError
from testbed.model.impairment import Impairment


@dataclass(frozen=True)
class Zone:
    """A network, named by what it means.

    `system` is the autonomous system (RFC 1930) that it belongs to; 0 for a link between systems, and everywhere in a
    topology without any. `region` is where it lies. A `private` one is an intranet, which only its firewall
    leads out of. `impairment` is what its links suffer from the start.
    """

    name: str
    meaning: str
    region: str
    system: int = 0
    private: bool = False
    impairment: Impairment = field(default_factory=Impairment)


@dataclass(frozen=True)
class Host:
    """One machine of the lab; `variables` are for Ansible.

    `links` are the zones that it has an interface in, its own first. A host that `forwards` joins its zones; one that
    `guards`, too, but leads from its own zone to the others only. One that `resolves` answers DNS for the others.
    `addresses` is how many it has of each family in its own zone.
    """

    name: str
    role: str
    links: tuple[str, ...]
    names: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    forwards: bool = False
    resolves: bool = False
    guards: bool = False
    addresses: int = 1

    @property
    def zone(self) -> str:
        """The zone where the host is at home: its names lead to its addresses there."""
        return self.links[0]

    @property
    def routes(self) -> bool:
        """Whether it is a router of the public networks."""
        return self.forwards and not self.guards

    def serves(self, zone: str) -> bool:
        """Say whether the host does in a zone what it does for others: one that guards, in its own alone."""
        return zone in self.links and (not self.guards or zone == self.zone)


@dataclass(frozen=True)
class Way:
    """How a host gets to a zone: through which neighbour in which of its own zones; neither for a zone of its own."""

    zone: str
    neighbour: str = ""
    over: str = ""


@dataclass(frozen=True)
class Topology:
    """A validated topology; `digest` changes whenever the content of the file does."""

    name: str
    domain: str
    zones: tuple[Zone, ...]
    hosts: tuple[Host, ...]
    digest: str

    def host(self, name: str) -> Host:
        """Find a host by name; raises `InputError`."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise InputError(f"no host {name!r} in topology {self.name!r}: use one of {known}")

    def zone(self, name: str) -> Zone:
        """Find a zone by name."""
        return next(zone for zone in self.zones if zone.name == name)

    def home(self, host: Host) -> Zone:
        """Return the zone where a host is at home."""
        return self.zone(host.zone)

    @property
    def systems(self) -> tuple[int, ...]:
        """The numbers of all autonomous systems, in the order of the file; none where routes are fixed."""
        return tuple(dict.fromkeys(zone.system for zone in self.zones if zone.system))

    def of_role(self, role: str) -> tuple[Host, ...]:
        """List the hosts of a role, in the order of the file."""
        return tuple(host for host in self.hosts if host.role == role)

    def linked(self, zone: str) -> tuple[Host, ...]:
        """List the hosts with an interface in a zone, in the order of the file."""
        return tuple(host for host in self.hosts if zone in host.links)

    def gateway(self, zone: str) -> Host | None:
        """Return the host through which a zone's others reach the rest of the world: the first that joins it."""
        return next((host for host in self.hosts if host.forwards and host.serves(zone)), None)

    def ways(self, host: Host) -> Iterator[Way]:
        """Yield the shortest way to every zone that can be reached, the nearest zones first.

        Of equally short ways the one comes that the order of the file has first, so that the same file always gives the
        same routes.
        """
        found = {zone: Way(zone) for zone in host.links}
        queue = list(found.values())
        for way in queue:
            yield way
            for router in self.linked(way.zone):
                if not router.forwards or router == host or not router.serves(way.zone):
                    continue
                neighbour, over = (way.neighbour, way.over) if way.neighbour else (router.name, way.zone)
                for zone in router.links:
                    if zone not in found:
                        found[zone] = Way(zone, neighbour, over)
                        queue.append(found[zone])
