"""A TLS server of a public site that staples nothing: nginx with a certificate of a public authority, and no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import tls_server
from testbed.roles.role import Check, Role


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "tls_server_names": list(host.names),
        "tls_server_authority": tls_server.issuer(plan.topology, host),
        "tls_server_page": f"<!doctype html>\n<title>{host.names[0]}</title>\n<p>This is {host.names[0]}.\n",
        "tls_server_voucher": False,
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


ROLE = Role(
    name="plain_server",
    groups=("plain_servers",),
    variables=_variables,
    promises=_promises,
    faults=tls_server.faults,
)
