"""A topology as values: the networks of a lab, named by what they mean, and the hosts that are linked to them.

`reading` makes one from a file. Addresses are not in it: see `plan`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mecai.errors import InputError


@dataclass(frozen=True)
class Zone:
    """A network, named by what it means."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Host:
    """One machine of the lab; `variables` are for Ansible.

    `links` are the zones that it has an interface in, its own first. A host that `forwards` joins its zones; one that
    `resolves` answers DNS for the others.
    """

    name: str
    role: str
    links: tuple[str, ...]
    names: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    forwards: bool = False
    resolves: bool = False

    @property
    def zone(self) -> str:
        """The zone where the host is at home: its names lead to its addresses there."""
        return self.links[0]


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

    def of_role(self, role: str) -> tuple[Host, ...]:
        """List the hosts of a role, in the order of the file."""
        return tuple(host for host in self.hosts if host.role == role)

    def linked(self, zone: str) -> tuple[Host, ...]:
        """List the hosts with an interface in a zone, in the order of the file."""
        return tuple(host for host in self.hosts if zone in host.links)

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
                if not router.forwards or router == host:
                    continue
                neighbour, over = (way.neighbour, way.over) if way.neighbour else (router.name, way.zone)
                for zone in router.links:
                    if zone not in found:
                        found[zone] = Way(zone, neighbour, over)
                        queue.append(found[zone])
