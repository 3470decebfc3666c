"""HAProxy with live OCSP, and nginx in front of it, which staples vouchers."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host
from testbed.roles import tls_server
from testbed.roles.role import Check, Role

# What HAProxy is given anew, by the export of this name.
_EXPORT: Final = "haproxy"
_RENEWAL: Final = f"{tls_server.REFRESH} || code=$?; systemctl start mecai-export-{_EXPORT} && exit ${{code:-0}}"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    response = f"{tls_server.chain(host)}.ocsp"
    export = {"name": _EXPORT, "format": "ocsp", "path": response, "hook": f"mecai-haproxy-ocsp {response}"}
    return {
        "haproxy_server_names": list(host.names),
        "haproxy_server_authority": tls_server.issuer(plan.topology, host),
        "haproxy_server_certificate": tls_server.chain(host),
        "haproxy_server_page": tls_server.page(host),
        "voucher_sidecar_certificates": tls_server.shown(plan, host),
        "voucher_sidecar_settings": {"allowed_networks": list(NETWORKS)},
        "voucher_export_files": [export],
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    for unit in ("nginx", "haproxy"):
        yield Check(f"{unit} runs", host.name, ["systemctl", "is-active", f"{unit}.service"])


ROLE = Role(
    name="haproxy_server",
    groups=("haproxy_servers",),
    variables=_variables,
    promises=_promises,
    faults=tls_server.faults,
    renewal=("sh", "-c", _RENEWAL),
)
