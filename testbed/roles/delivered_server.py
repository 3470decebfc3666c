"""A TLS server that begins no connection: another host fetches its vouchers and brings them by SSH.

That one is a `tls_server` of the topology, with the variable `delivers_to`; it keeps its own vouchers as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles import tls_server
from testbed.roles.role import Check, Role

SETTINGS: Final = "/etc/mecai/deliveries.toml"
_STATE: Final = "/var/lib/mecai-deliveries"


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    yield from tls_server.faults(topology, host)
    found = [each.name for each in topology.of_role("tls_server") if tls_server.delivers_to(each) == host.name]
    if len(found) != 1:
        key = f"hosts.{host.name}"
        seen = ", ".join(found) or "none"
        yield f"{key}: saw {seen}; expected one host with the role tls_server and {tls_server.DELIVERS_TO}: {host.name}"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    deliverers = [each for each in plan.topology.of_role("tls_server") if tls_server.delivers_to(each) == host.name]
    return {
        "tls_server_names": list(host.names),
        "tls_server_authority": tls_server.issuer(plan.topology, host),
        "tls_server_page": tls_server.page(host),
        "tls_server_staples": f"{_STATE}/staples",
        "directory_consumer_directories": [],  # it comes with a delivery
        "voucher_deliveries_from": [each.name for each in deliverers],
        "voucher_deliveries_certificates": tls_server.shown(plan, host),
        "voucher_deliveries_settings": {"allowed_networks": list(NETWORKS)},
        "voucher_deliveries_closed": True,
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    fresh = ["mecai", "sidecar", "status", "--config", SETTINGS]
    yield Check("has fresh vouchers to staple", host.name, fresh)
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


ROLE = Role(
    name="delivered_server",
    groups=("delivered_servers",),
    needs={"tls_server": "fetches for it"},
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
