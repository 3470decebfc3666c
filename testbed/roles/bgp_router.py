"""A router of an autonomous system: it announces the system's networks by BGP, and learns everybody else's."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model import interdomain
from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role

# Both counts of `birdc show protocols`: sessions, and those that are established.
_SESSIONS = """\
birdc show protocols | awk '$2 == "BGP" && $6 != "Established" { print $1, $6; bad = 1 } END { exit bad }'"""

_REACHES = """\
for address in "$@"; do
    ping -c 1 -W 2 -q "$address" >/dev/null || { echo "$address does not answer"; exit 1; }
done"""


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    system = plan.topology.home(host).system
    sessions = [
        {"name": f"{near.zone}_{near.name}_{family}".replace("-", "_"), "system": near.system, "address": address}
        for near in interdomain.neighbours(plan, host.name)
        for family, address in (("4", near.ipv4), ("6", near.ipv6))
    ]
    return {
        "bgp_router_id": plan.addresses(host.name)[0],
        "bgp_router_system": system,
        "bgp_router_prefixes": [prefix for family in interdomain.prefixes(plan, system) for prefix in family],
        "bgp_router_sources": list(plan.addresses(host.name)),
        "bgp_router_neighbours": sessions,
    }


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    yield Check(
        "has a session with every neighbour", host.name, ["sh", "-c", _SESSIONS], ["birdc", "show", "protocols"]
    )
    others = [other.name for other in plan.topology.hosts if other.routes and other != host]
    for family, addresses in zip(("IPv4", "IPv6"), zip(*map(plan.addresses, others), strict=True), strict=False):
        yield Check(f"reaches every router by {family}", host.name, ["sh", "-c", _REACHES, "sh", *addresses])


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not topology.home(host).system:
        yield f"hosts.{host.name}.zone: saw {host.zone} without the key as; expected a zone of an autonomous system"


ROLE = Role(
    name="bgp_router",
    groups=("bgp_routers",),
    forwards=True,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
