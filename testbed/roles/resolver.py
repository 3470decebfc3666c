"""A resolver: it finds names from the lab's own root down, and believes only what is signed as that root says."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model import naming
from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host
from testbed.roles import nameserver
from testbed.roles.role import Check, Role


def _variables(plan: Plan, _host: Host) -> Mapping[str, Any]:
    root = nameserver.servers(plan)[naming.ROOT]
    return {
        "resolver_clients": list(NETWORKS),
        "resolver_root_servers": list(plan.addresses(root)),
        "resolver_unreserved": ["test"],
        "resolver_trust_anchors": f"{{{{ hostvars['{root}'].lab_root_digest.stdout_lines | default([]) }}}}",
    }


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    name = f"{host.name}.{plan.topology.domain}"
    for kind in ("A", "AAAA"):
        ask = f"kdig +dnssec +timeout=2 @127.0.0.1 {name} {kind} | grep --quiet 'Flags:.* ad[; ]'"
        yield Check(f"resolves {kind} records, and validates them", host.name, ["sh", "-c", ask])


ROLE = Role(
    name="resolver",
    groups=("resolvers",),
    resolves=True,
    needs={"nameserver": "serves the names, from the root down"},
    variables=_variables,
    promises=_promises,
)
