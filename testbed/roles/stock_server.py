"""A TLS server with nginx as Debian has it, without the project's module: an export gives it its vouchers each hour."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import tls_server
from testbed.roles.role import Check, Role

# The name of the export, which its units bear.
_EXPORT: Final = "site"
# What it fetched anew is shown at once.
_RENEWAL: Final = f"{tls_server.REFRESH} || code=$?; systemctl start mecai-export-{_EXPORT} && exit ${{code:-0}}"


def _info(host: Host) -> str:
    return f"/etc/nginx/tls/{host.names[0]}.info"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        **tls_server.variables(plan, host),
        "tls_server_voucher": False,
        "tls_server_ocsp": True,
        "tls_server_server_info": _info(host),
        "voucher_export_files": [{"name": _EXPORT, "path": _info(host)}],
    }


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    yield from tls_server.promises(plan, host)
    exports = ["systemctl", "is-active", f"mecai-export-{_EXPORT}.timer"]
    yield Check("exports them each hour", host.name, exports)


ROLE = Role(
    name="stock_server",
    groups=("tls_servers", "stock_servers"),
    variables=_variables,
    promises=_promises,
    faults=tls_server.faults,
    renewal=("sh", "-c", _RENEWAL),
)
