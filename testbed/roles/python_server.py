"""A TLS server in Python: gunicorn with `mecai.server`, which staples by itself, without nginx."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host
from testbed.roles import tls_server
from testbed.roles.role import Check, Role


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "python_server_names": list(host.names),
        "python_server_authority": tls_server.issuer(plan.topology, host),
        "python_server_page": tls_server.page(host),
        "voucher_sidecar_certificates": tls_server.shown(plan, host),
        "voucher_sidecar_settings": {"allowed_networks": list(NETWORKS)},
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    yield Check("the site runs", host.name, ["systemctl", "is-active", "mecai-site.service"])


ROLE = Role(
    name="python_server",
    groups=("python_servers",),
    variables=_variables,
    promises=_promises,
    faults=tls_server.faults,
    renewal=tls_server.RENEWAL,
)
