"""A company's web server: certified by the company's own authority, with OCSP staples and without vouchers."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role


def _authorities(topology: Topology, host: Host) -> list[str]:
    return [other.name for other in topology.of_role("private_authority") if other.zone == host.zone]


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected the name of the site, for example [intranet.corp.test]"
    if not _authorities(topology, host):
        yield f"hosts: saw no private_authority in {host.zone}; expected one: it certifies {host.name}"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    site = host.names[0]
    return {
        "tls_server_names": list(host.names),
        "tls_server_authority": _authorities(plan.topology, host)[0],
        "tls_server_page": f"<!doctype html>\n<title>{site}</title>\n<p>This is {site}, for those inside.\n",
        "tls_server_voucher": False,
        "tls_server_ocsp": True,
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


ROLE = Role(
    name="intranet_server",
    groups=("plain_servers",),
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
