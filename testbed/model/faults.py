"""What no schema can say of a topology: its zones are there and can be reached, names and numbers stand once.

Each fault is one line, `KEY: saw VALUE; expected ...`.
"""

from collections.abc import Iterator

from testbed.model.kinds import Kinds
from testbed.model.topology import Host, Topology, Zone

ROUTERS_PER_ZONE = 9  # their numbers in a network are 1 to 9, see `plan`
# Interfaces bear the names of their zones, and these words mean something else to the kernel (ip-sysctl.txt).
_TAKEN_ZONES = frozenset({"lo", "all", "default"})
# The namespace that holds the bridges has this name beside those of the hosts.
_TAKEN_HOST = "switch"


def faults(topology: Topology, kinds: Kinds) -> Iterator[str]:
    """Yield every fault, those first that make others."""
    yield from _link_faults(topology)
    yield from _name_faults(topology, kinds)
    yield from _system_faults(topology)
    yield from _router_faults(topology, kinds)
    yield from _reach_faults(topology)
    for host in topology.hosts:
        for role, reason in kinds[host.role].needs.items():
            if not topology.of_role(role):
                yield f"hosts: saw no {role}; expected one: it {reason}, here {host.name}"
        yield from kinds[host.role].faults(topology, host)


def _link_faults(topology: Topology) -> Iterator[str]:
    zones = [zone.name for zone in topology.zones]
    for name in sorted(_TAKEN_ZONES.intersection(zones)):
        yield f"zones: saw {name!r}; expected another name, interfaces bear the zones' names and this is the kernel's"
    for host in topology.hosts:
        for key, zone in zip(("zone", *["links"] * len(host.links)), host.links, strict=False):
            if zone not in zones:
                known = ", ".join(zones)
                yield f"hosts.{host.name}.{key}: saw {zone!r}; expected one of {known}, or add it under zones"
        if host.zone in host.links[1:]:
            yield f"hosts.{host.name}.links: saw {host.zone!r}, its own zone; expected other zones only"


def _name_faults(topology: Topology, kinds: Kinds) -> Iterator[str]:
    owners: dict[str, list[Host]] = {}
    for host in topology.hosts:
        if host.name == _TAKEN_HOST:
            yield f"hosts: saw {host.name!r}; expected another name, this is the namespace with the bridges"
        for name in dict.fromkeys((f"{host.name}.{topology.domain}", *host.names)):
            others = owners.setdefault(name, [])
            for other in others:
                if name not in {*host.names} & {*other.names} or host.role not in kinds[other.role].shares_names:
                    yield f"hosts.{host.name}.names: saw {name!r}, which {other.name} has; expected each name once"
            others.append(host)


def _system_faults(topology: Topology) -> Iterator[str]:
    """Yield what is wrong with autonomous systems: each is one router's, and only links join them."""
    for zone in topology.zones:
        if zone.private and zone.system:
            yield f"zones.{zone.name}.as: saw {zone.system}; expected none: a private zone has no routes outside"
    for system in topology.systems:
        routers = [host.name for host in topology.hosts if host.routes and topology.home(host).system == system]
        if not routers:
            yield f"zones: saw AS {system} without a router; expected a host with the role bgp_router at home in it"
        for extra in routers[1:]:
            yield f"hosts.{extra}.zone: saw AS {system}, which {routers[0]} has; expected another number, one a router"
    for host in topology.hosts if topology.systems else ():
        yield from _membership_faults(topology, host)


def _membership_faults(topology: Topology, host: Host) -> Iterator[str]:
    own = topology.home(host)
    if not own.system and not own.private:
        yield f"hosts.{host.name}.zone: saw {own.name}, a link between systems; expected a zone with the key as"
    for zone in map(topology.zone, host.links[1:]):
        if zone.system and not host.guards and zone.system != own.system:
            yield f"hosts.{host.name}.links: saw {zone.name} of AS {zone.system}; expected zones of its own or of none"


def _router_faults(topology: Topology, kinds: Kinds) -> Iterator[str]:
    for trait, purpose in (("forwards", "joins the zones"), ("resolves", "answers DNS")):
        if not any(getattr(host, trait) and not host.guards for host in topology.hosts):
            able = (name for name, kind in kinds.items() if getattr(kind, trait) and not kind.guards)
            yield f"hosts: saw none that {purpose}; expected at least one with the role {' or '.join(sorted(able))}"
    for zone in topology.zones:
        count = sum(host.forwards for host in topology.linked(zone.name))
        if count > ROUTERS_PER_ZONE:
            yield f"zones.{zone.name}: saw {count} routers; expected at most {ROUTERS_PER_ZONE}"


def _reach_faults(topology: Topology) -> Iterator[str]:
    start = next(host for host in topology.hosts if host.routes)
    reached = {way.zone for way in topology.ways(start)}
    for zone in topology.zones:
        if zone.private:
            yield from _private_faults(topology, zone, reached)
        elif topology.linked(zone.name) and zone.name not in reached:
            yield f"zones.{zone.name}: saw no way from {start.name}; expected it among the links of a router"


def _private_faults(topology: Topology, zone: Zone, reached: set[str]) -> Iterator[str]:
    """Yield what is wrong with an intranet: one firewall is at home there, leads out, and nobody else does."""
    guards = [host for host in topology.hosts if host.guards and host.zone == zone.name]
    if len(guards) != 1:
        seen = ", ".join(host.name for host in guards) or "none"
        yield f"zones.{zone.name}: saw the firewalls {seen}; expected one at home in a private zone"
    for host in topology.linked(zone.name):
        if host.zone != zone.name:
            yield f"hosts.{host.name}.links: saw {zone.name}, which is private; expected only hosts at home there"
        elif host.guards and not reached.intersection(host.links):
            yield f"hosts.{host.name}.links: saw no way out; expected a zone in which a router stands"
        elif not host.guards and host.links[1:]:
            yield f"hosts.{host.name}.links: saw {host.links[1]}; expected none: only firewalls lead out"
