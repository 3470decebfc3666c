"""A mail server: Postfix and Dovecot behind nginx, which staples vouchers also where TLS begins by STARTTLS."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.naming import registrable
from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host
from testbed.roles import tls_server
from testbed.roles.role import Check, Role

# The port that Voucher Authorities probe in the place of those with STARTTLS: IMAP over TLS from the first octet.
SECONDARY_PORT: Final = 993
# The one user of a lab's mail server; everybody knows the password.
USER, PASSWORD = "reader", "reader"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    name = host.names[0]
    domain = registrable(name)
    return {
        "mail_server_name": name,
        "mail_server_domains": [domain],
        "mail_server_users": [{"address": f"{USER}@{domain}", "password": f"{{PLAIN}}{PASSWORD}"}],
        "mail_server_authority": tls_server.issuer(plan.topology, host),
        "voucher_sidecar_certificates": [
            {
                "chain": f"/etc/ssl/certs/{name}.pem",
                "addresses": list(plan.every_address(host.name)),
                "port": SECONDARY_PORT,
            }
        ],
        "voucher_sidecar_settings": {"allowed_networks": list(NETWORKS)},
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    for unit in ("nginx", "postfix", "dovecot"):
        yield Check(f"{unit} runs", host.name, ["systemctl", "is-active", f"{unit}.service"])


ROLE = Role(
    name="mail_server",
    groups=("mail_servers",),
    variables=_variables,
    promises=_promises,
    faults=tls_server.faults,
    renewal=tls_server.RENEWAL,
)
