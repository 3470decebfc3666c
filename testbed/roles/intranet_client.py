"""A client in a company: it demands vouchers of the world, and the company's own authority of what is inside."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.naming import registrable
from testbed.model.plan import PRIVATE_NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles import client
from testbed.roles.private_authority import root_of
from testbed.roles.role import Check, Role


def _servers(topology: Topology, host: Host) -> list[Host]:
    return [server for server in topology.of_role("intranet_server") if server.zone == host.zone]


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    servers = _servers(plan.topology, host)
    authorities = [one.name for one in plan.topology.of_role("private_authority") if one.zone == host.zone]
    intranet = {
        "domains": list(dict.fromkeys(registrable(name) for server in servers for name in server.names)),
        "roots": "".join(map(root_of, authorities)),
        "networks": list(PRIVATE_NETWORKS),
    }
    return {**client.variables(plan, host), "voucher_client_intranets": [intranet]}


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not _servers(topology, host):
        yield f"hosts: saw no intranet_server in {host.zone}; expected one: {host.name} asks for it"


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    yield from client.promises(plan, host)
    for server in _servers(plan.topology, host):
        url = f"https://{server.names[0]}/"
        yield Check(f"accepts {server.names[0]} without vouchers", host.name, ["mecai", "client", "get", url])


ROLE = Role(
    name="intranet_client",
    groups=("clients",),
    needs=client.ROLE.needs,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
