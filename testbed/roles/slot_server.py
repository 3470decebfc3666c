"""A TLS server with a slot: its next certificate goes live with its vouchers, and a backup of another CA is ready."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles import tls_server
from testbed.roles.role import Check, Role

# The topology's own word: which authority certifies the backup.
_BACKUP_BY: Final = "backup_by"
# The slot's name, which its units bear, and where it lies.
SLOT: Final = "site"
FOLDER: Final = f"/etc/mecai/tls/{SLOT}"
NEXT_PORT, BACKUP_PORT = 853, 993  # where they are shown, and probed (docs/spec P4)


def _backup_by(host: Host) -> str:
    return str(host.variables.get(_BACKUP_BY, ""))


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    yield from tls_server.faults(topology, host)
    others = [each.name for each in topology.of_role("authority") if each.name != tls_server.issuer(topology, host)]
    if (name := _backup_by(host)) not in others:
        key = f"hosts.{host.name}.vars.{_BACKUP_BY}"
        yield f"{key}: saw {name or 'none'!r}; expected another authority than its own ({', '.join(others)})"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    site, authority = host.names[0], tls_server.issuer(plan.topology, host)
    slot = {
        "name": SLOT,
        "names": list(host.names),
        "authority": authority,
        "chain": f"/etc/ssl/certs/{site}.pem",
        "key": f"/etc/ssl/private/{site}.pem",
        "backup_authority": _backup_by(host),
        "backup_chain": f"/etc/ssl/certs/{site}.backup.pem",
        "backup_key": f"/etc/ssl/private/{site}.backup.pem",
    }
    return {
        **tls_server.variables(plan, host),
        "tls_server_authority": "",
        "tls_server_slot": SLOT,
        "voucher_slots_certificates": [slot],
        "voucher_sidecar_certificates": [_entry(plan, host, link) for link in ("live", "next", "backup")],
    }


def _entry(plan: Plan, host: Host, link: str) -> Mapping[str, Any]:
    """Return what the sidecar is told of one of the slot's certificates."""
    entry: dict[str, Any] = {
        "chain": f"{FOLDER}/{link}/fullchain.pem",
        "addresses": list(plan.every_address(host.name)),
    }
    if link != "live":
        entry |= {"port": NEXT_PORT if link == "next" else BACKUP_PORT, "optional": True}
    if link != "backup":
        entry["succession"] = f"{FOLDER}/{link}.succession"
    return entry


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    yield from tls_server.promises(plan, host)
    timer = ["systemctl", "is-active", f"mecai-slot-{SLOT}.timer"]
    yield Check("looks for its next certificate", host.name, timer)


ROLE = Role(
    name="slot_server",
    groups=("tls_servers", "slot_servers"),
    variables=_variables,
    promises=_promises,
    faults=_faults,
    renewal=tls_server.RENEWAL,
)
