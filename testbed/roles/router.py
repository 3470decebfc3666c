"""A router joins zones and, besides, answers DNS: a server of the lab's own domain under a resolver for all hosts."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host
from testbed.roles import registrar
from testbed.roles.role import Check, Role

_NAMESERVER = "127.0.0.1@5353"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    records = "".join(f"{record.name}. {record.type} {record.address}\n" for record in plan.records())
    contacts = "".join(f"{record}\n" for record in registrar.records(plan.topology).values())
    return {
        "nameserver_name": f"{host.name}.{plan.topology.domain}",
        "nameserver_listen": [_NAMESERVER],
        "nameserver_ttl": 5,
        "nameserver_zones": [{"name": "test", "records": records + contacts}],
        "resolver_clients": list(NETWORKS),
        "resolver_stubs_only": True,
        "resolver_stub_zones": [{"name": "test", "address": _NAMESERVER}],
    }


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    topology = plan.topology
    others = [other for other in topology.hosts if not (other.forwards or topology.home(other).private)]
    for other in others[-1:]:
        name = next(iter(other.names), f"{other.name}.{topology.domain}")
        yield Check("resolves to IPv4", host.name, ["getent", "ahostsv4", name])
        yield Check("resolves to IPv6", host.name, ["getent", "ahostsv6", name])
        for address in plan.addresses(other.name):
            neighbour = next((near.name for near in others if near.zone in host.links), host.name)
            yield Check(f"forwards to {address}", neighbour, ["ping", "-c", "1", "-W", "2", address])


ROLE = Role(
    name="router",
    groups=("routers",),
    forwards=True,
    resolves=True,
    variables=_variables,
    promises=_promises,
)
