"""A company's firewall: hosts inside go out by it, nobody comes in; inside it answers DNS, also for what is private."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import PRIVATE_NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role

_DROPS = """\
for chain in input forward; do
    nft list chain inet firewall $chain | grep --quiet "policy drop" || { echo "$chain lets through"; exit 1; }
done"""


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    upstream = plan.addresses(plan.upstream(host.name).name)
    return {
        "firewall_inside": [host.zone],
        "firewall_outside": list(host.links[1:]),
        "firewall_services": ["udp/53", "tcp/53"],
        "firewall_masquerade": True,
        "resolver_clients": list(PRIVATE_NETWORKS),
        "resolver_stubs_only": True,
        "resolver_forward_zones": [{"name": "test", "addresses": list(upstream)}],
        "resolver_records": [f"{one.name}. IN {one.type} {one.address}" for one in plan.records(host.zone)],
    }


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("drops what it was not told of", host.name, ["sh", "-c", _DROPS], ["nft", "list", "ruleset"])
    inside = [other for other in plan.topology.linked(host.zone) if other != host]
    outside = plan.addresses(plan.upstream(host.name).name)
    for other in inside[-1:]:
        name = next(iter(other.names), f"{other.name}.{plan.topology.domain}")
        yield Check("resolves what is inside", host.name, ["getent", "ahostsv4", name])
        for address in outside:
            yield Check(f"lets out to {address}", other.name, ["ping", "-c", "1", "-W", "2", address])


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not topology.home(host).private:
        yield f"hosts.{host.name}.zone: saw {host.zone}, which is not private; expected a zone with private: true"


ROLE = Role(
    name="firewall",
    groups=("firewalls",),
    forwards=True,
    resolves=True,
    guards=True,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
