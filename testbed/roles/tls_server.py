"""A TLS server: nginx with the project's module, a page, and the sidecar that fetches vouchers for it.

Its sidecar may fetch for another host, too, to which it then delivers (`testbed.roles.delivered_server`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Check, Role

# The topology's own word: which authority certifies this server, by default the first of the file.
_CERTIFIED_BY = "certified_by"
# ... and to which host, that begins no connection, this one brings vouchers.
DELIVERS_TO = "delivers_to"
# The kinds of web servers that have their vouchers from a sidecar of their own.
KINDS: Final = ("tls_server", "stock_server", "slot_server", "python_server", "haproxy_server")
# Where a kind keeps the certificate of a name; others do so with the host's own.
_CHAINS: Final = {
    "python_server": "/var/lib/mecai-site/certificate.pem",
    "haproxy_server": "/etc/haproxy/tls/{name}.pem",
}

# Where the role voucher_push keeps the chains of that one, each at its path there.
_OTHERS_CHAINS = "/var/lib/mecai-push-chains"

# Asks every authority for vouchers at once, and delivers where that is this host's work, also where some authority had
# none; ends as the first of both that failed.
_DELIVERY = "! test -e /etc/mecai/push.toml || systemctl start mecai-push.service"
REFRESH: Final = "runuser -u mecai-sidecar -- mecai sidecar refresh"
RENEWAL = ("sh", "-c", f"{REFRESH} || code=$?; {{ {_DELIVERY}; }} || code=${{code:-$?}}; exit ${{code:-0}}")


def issuer(topology: Topology, server: Host) -> str:
    """Return the name of the authority that certifies a server, empty where the topology has none."""
    first = next((authority.name for authority in topology.of_role("authority")), "")
    return str(server.variables.get(_CERTIFIED_BY, first))


def sites(topology: Topology) -> tuple[Host, ...]:
    """Return the web servers that keep vouchers, in the order of their kinds."""
    return tuple(host for kind in KINDS for host in topology.of_role(kind))


def delivers_to(server: Host) -> str:
    """Return the name of the host that a server fetches vouchers for, empty where there is none."""
    return str(server.variables.get(DELIVERS_TO, ""))


def chain(server: Host) -> str:
    """Return where the certificate lies that a server shows, followed by its intermediates."""
    return _CHAINS.get(server.role, "/etc/ssl/certs/{name}.pem").format(name=server.names[0])


def page(server: Host) -> str:
    """Return what a server shows to whoever asks."""
    site = server.names[0]
    return f"<!doctype html>\n<title>{site}</title>\n<p>This is {site}, the real one.\n"


def shown(plan: Plan, server: Host) -> list[dict[str, Any]]:
    """Return the certificate that a server shows, and where, as the sidecar's settings have it."""
    return [{"chain": chain(server), "addresses": list(plan.every_address(server.name))}]


def faults(topology: Topology, host: Host) -> Iterator[str]:
    """Yield what a topology may not say of a server: it has a name, and an authority that others vouch beside."""
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected the name of the site, for example [www.example.test]"
    takers = [each.name for each in topology.of_role("delivered_server")]
    if (other := delivers_to(host)) and other not in takers:
        key = f"hosts.{host.name}.vars.{DELIVERS_TO}"
        yield f"{key}: saw {other!r}; expected a host with the role delivered_server ({', '.join(takers) or 'none is'})"
    authorities = [authority.name for authority in topology.of_role("authority")]
    if (name := issuer(topology, host)) not in authorities:
        key = f"hosts.{host.name}.vars.{_CERTIFIED_BY}"
        yield f"{key}: saw {name or 'none'!r}; expected a host with the role authority ({', '.join(authorities)})"
    elif len(authorities) == 1:
        yield f"hosts: saw no authority but {name}; expected another: no CA vouches for what it certifies, {host.name}"


def variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    """Return what Ansible is told: a site, its authority, and what the sidecar keeps for it."""
    return {
        "tls_server_names": list(host.names),
        "tls_server_authority": issuer(plan.topology, host),
        "tls_server_page": page(host),
        "voucher_sidecar_certificates": shown(plan, host),
        "voucher_sidecar_settings": {"allowed_networks": list(NETWORKS)},
        **(_delivering(plan, host) if delivers_to(host) else {}),
    }


def _delivering(plan: Plan, host: Host) -> Mapping[str, Any]:
    """Return what a host is told that fetches for another one besides."""
    other = plan.topology.host(delivers_to(host))
    fetched = [entry | {"chain": f"{_OTHERS_CHAINS}{entry['chain']}"} for entry in shown(plan, other)]
    return {
        "voucher_sidecar_certificates": [*shown(plan, host), *fetched],
        "voucher_push_host": other.name,
        "voucher_push_address": plan.addresses(other.name)[0],
        "voucher_push_certificates": shown(plan, other),
        "voucher_push_settings": {"allowed_networks": list(NETWORKS)},
    }


def promises(_plan: Plan, host: Host) -> Iterator[Check]:
    """Yield the checks of a server with a sidecar."""
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


ROLE = Role(
    name="tls_server",
    groups=("tls_servers",),
    further_groups={"deliverers": lambda host: bool(delivers_to(host))},
    shares_names=("tls_server",),
    variables=variables,
    promises=promises,
    faults=faults,
    renewal=RENEWAL,
)
