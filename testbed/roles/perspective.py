"""An agent of a Voucher Authority on another network: it looks from there at what the authority is asked about."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role

PORT = 8443
# The topology's own words: the authority whose agent a host is, and the one whose VAS a host is a further node of.
_LOOKS_FOR = "looks_for"
NODE_OF = "node_of"


def perspectives_of(topology: Topology, authority: Host) -> Mapping[str, Any]:
    """Return an authority's agents and its own region, as the role `voucher_authority` takes them; empty without."""
    agents = [
        {"name": each.name, "region": topology.home(each).region, "url": f"https://{each.names[0]}:{PORT}"}
        for each in topology.of_role("perspective")
        if _principal(each) == authority.name
    ]
    return {"region": topology.home(authority).region, "agents": agents} if agents else {}


def nodes_of(topology: Topology, authority: str) -> tuple[Host, ...]:
    """List the hosts of an authority's VAS, each of which asks its agents; its own host comes first."""
    further = (node for node in topology.of_role("vas_node") if node.variables.get(NODE_OF) == authority)
    return (topology.host(authority), *further)


def _principal(agent: Host) -> str:
    return str(agent.variables.get(_LOOKS_FOR, ""))


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected its own, for example [{host.name}.birch.test]"
    authorities = [authority.name for authority in topology.of_role("authority")]
    if (name := _principal(host)) not in authorities:
        key = f"hosts.{host.name}.vars.{_LOOKS_FOR}"
        yield f"{key}: saw {name or 'none'!r}; expected a host with the role authority ({', '.join(authorities)})"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "perspective_host_name": host.names[0],
        "perspective_authority": _principal(host),
        "perspective_port": PORT,
        "perspective_clients": [
            address for node in nodes_of(plan.topology, _principal(host)) for address in plan.every_address(node.name)
        ],
        "perspective_settings": {"allowed_networks": list(NETWORKS)},
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("listens for its authority", host.name, ["systemctl", "is-active", "mecai-perspective.service"])
    yield Check(
        "answers its authority", _principal(host), ["runuser", "-u", "mecai-vas", "--", "mecai", "vas", "perspectives"]
    )


ROLE = Role(
    name="perspective",
    groups=("perspectives",),
    needs={"authority": "has it look"},
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
