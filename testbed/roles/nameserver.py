"""A nameserver: of the root, of the zone test, or of all zones below it, signed; each knows the keys of those below."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model import naming
from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles import registrar
from testbed.roles.role import Check, Role

# The topology's own word: the level that a server serves. The file has the lowest first, which is signed first.
_SERVES = "serves"
_LEVELS = ("names", "test", "root")


def servers(plan: Plan) -> dict[str, str]:
    """Return every zone with the host that serves it, the root first."""
    hosts = {_level(host): host.name for host in plan.topology.of_role("nameserver")}
    names = dict.fromkeys(naming.registrable_domains(plan), hosts["names"])
    return {naming.ROOT: hosts["root"], "test": hosts["test"], **names}


def _level(host: Host) -> str:
    return str(host.variables.get(_SERVES, "nothing"))


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if _level(host) not in _LEVELS:
        yield f"hosts.{host.name}.vars.{_SERVES}: saw {_level(host)}; expected one of {', '.join(_LEVELS)}"
    if (found := [_level(other) for other in topology.of_role("nameserver")]) != list(_LEVELS):
        wanted = f"one each for {', '.join(_LEVELS)}, in this order"
        yield f"hosts: saw nameservers for {', '.join(found)}; expected {wanted}"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    contacts = {domain: [record] for domain, record in registrar.records(plan.topology).items()}
    return {
        "nameserver_name": f"{host.name}.{plan.topology.domain}",
        "nameserver_signed": True,
        "nameserver_ttl": 5,
        "nameserver_zones": [
            {
                "name": zone.name,
                "records": "".join(f"{record}\n" for record in (*zone.records, *contacts.get(zone.name, ()))),
                "delegates": [{"name": name, "host": server} for name, server in zone.delegates.items()],
            }
            for zone in _zones(plan, host)
        ],
    }


def _zones(plan: Plan, host: Host) -> list[naming.DnsZone]:
    return [zone for zone in naming.zones(plan, servers(plan)) if zone.host == host.name]


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    zone = _zones(plan, host)[0].name
    for address in plan.addresses(host.name):
        ask = f"kdig +short +timeout=2 @{address} {zone} SOA | grep --quiet ."
        yield Check(f"answers for {zone} at {address}", host.name, ["sh", "-c", ask])


ROLE = Role(
    name="nameserver",
    groups=("nameservers",),
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
