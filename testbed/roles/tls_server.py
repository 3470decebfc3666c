"""A TLS server: nginx with the project's module, a page, and the sidecar that fetches vouchers for it."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role

# The topology's own word: which authority certifies this server, by default the first of the file.
_CERTIFIED_BY = "certified_by"

# Asks every authority for vouchers at once.
RENEWAL = ("runuser", "-u", "mecai-sidecar", "--", "mecai", "sidecar", "refresh")


def issuer(topology: Topology, server: Host) -> str:
    """Return the name of the authority that certifies a server, empty where the topology has none."""
    first = next((authority.name for authority in topology.of_role("authority")), "")
    return str(server.variables.get(_CERTIFIED_BY, first))


def faults(topology: Topology, host: Host) -> Iterator[str]:
    """Yield what a topology may not say of a server: it has a name, and an authority that others vouch beside."""
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected the name of the site, for example [www.example.test]"
    authorities = [authority.name for authority in topology.of_role("authority")]
    if (name := issuer(topology, host)) not in authorities:
        key = f"hosts.{host.name}.vars.{_CERTIFIED_BY}"
        yield f"{key}: saw {name or 'none'!r}; expected a host with the role authority ({', '.join(authorities)})"
    elif len(authorities) == 1:
        yield f"hosts: saw no authority but {name}; expected another: no CA vouches for what it certifies, {host.name}"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    site = host.names[0]
    return {
        "tls_server_names": list(host.names),
        "tls_server_authority": issuer(plan.topology, host),
        "tls_server_page": f"<!doctype html>\n<title>{site}</title>\n<p>This is {site}, the real one.\n",
        "voucher_sidecar_certificates": [
            {"chain": f"/etc/ssl/certs/{site}.pem", "addresses": list(plan.every_address(host.name))}
        ],
        "voucher_sidecar_settings": {"allowed_networks": list(NETWORKS)},
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


ROLE = Role(
    name="tls_server",
    groups=("tls_servers",),
    shares_names=("tls_server",),
    variables=_variables,
    promises=_promises,
    faults=faults,
    renewal=RENEWAL,
)
