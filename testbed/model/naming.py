"""Who serves which DNS zone, and what stands in it: a root, what is below it, and delegations between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.model.plan import Plan

ROOT = "."


@dataclass(frozen=True)
class DnsZone:
    """A zone, the host that serves it, its records as lines of a zone file, and the zones below with their hosts."""

    name: str
    host: str
    records: tuple[str, ...]
    delegates: Mapping[str, str]


def registrable(name: str) -> str:
    """Return the domain below `test` that a name belongs to, as `example.test` for `www.example.test`."""
    return ".".join(name.split(".")[-2:])


def registrable_domains(plan: Plan) -> list[str]:
    """List the domains below `test` that hosts of public zones have names in, in the order of the file."""
    return list(dict.fromkeys(registrable(record.name) for record in plan.records()))


def zones(plan: Plan, servers: Mapping[str, str]) -> Iterator[DnsZone]:
    """Yield every zone that `servers` gives a host; a zone's parent is the longest other that it is below."""
    for name, host in servers.items():
        below = {zone: servers[zone] for zone in servers if zone != name and _parent(zone, servers) == name}
        own = [
            f"{record.name}. {record.type} {record.address}"
            for record in plan.records()
            if _closest(record.name, servers) == name
        ]
        yield DnsZone(name, host, (*own, *_delegations(plan, below)), below)


def _delegations(plan: Plan, below: Mapping[str, str]) -> Iterator[str]:
    """Yield the NS records of zones below, then the addresses of their servers, each once."""
    for zone, host in below.items():
        yield f"{zone}. NS {host}.{plan.topology.domain}."
    for host in dict.fromkeys(below.values()):
        for address in plan.every_address(host):
            yield f"{host}.{plan.topology.domain}. {'AAAA' if ':' in address else 'A'} {address}"


def _parent(zone: str, servers: Mapping[str, str]) -> str:
    return _closest(zone.partition(".")[2] or ROOT, servers) if zone != ROOT else ""


def _closest(name: str, servers: Mapping[str, str]) -> str:
    """Return the longest zone that holds a name."""
    while name and name not in servers:
        name = name.partition(".")[2]
    return name or ROOT
