"""A certificate authority: root and issuing CA, OCSP responder, VAS."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles import registrar, vas_node
from testbed.roles.role import Check, Role, fetch

_SERVICES = ("vas", "ocsp")
# The topology's own word: what the VAS keeps its log in, SQLite (a file) or PostgreSQL (a server on the same host).
_DATABASE = "database"
_DATABASES = ("sqlite", "postgresql")
# And whether its owners hear of new addresses of what it knows (docs/spec H10), where there is a registrar.
_NEW_ADDRESSES = "new_addresses"
_POSTGRESQL = "postgresql+psycopg://mecai-vas@/mecai-vas?host=/var/run/postgresql"
_ROOT = "/var/lib/mecai-ca-public/root.pem"

# Publishes the certificate status and the CRLs that are due.
RENEWAL = ("systemctl", "start", "mecai-ca-publish.service")


def _names(host: str) -> tuple[str, ...]:
    return tuple(f"{service}.{host}.test" for service in _SERVICES)


def sender_of(host: str) -> str:
    """Return the address from which an authority tells the owners of domains."""
    return f"notary@{host}.test"


def _faults(_topology: Topology, host: Host) -> Iterator[str]:
    for service in _SERVICES:
        if not vas_node.name_of(host, service):
            seen = ", ".join(host.names) or "none"
            yield f"hosts.{host.name}.names: saw {seen}; expected one that begins with {service}., or none at all"
    if (seen := host.variables.get(_DATABASE, _DATABASES[0])) not in _DATABASES:
        yield f"hosts.{host.name}.vars.{_DATABASE}: saw {seen!r}; expected {' or '.join(_DATABASES)}"
    if not isinstance(seen := host.variables.get(_NEW_ADDRESSES, False), bool):
        yield f"hosts.{host.name}.vars.{_NEW_ADDRESSES}: saw {seen!r}; expected true or false"


def _has_server(host: Host) -> bool:
    return host.variables.get(_DATABASE) == "postgresql"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    vas, ocsp = (vas_node.name_of(host, service) for service in _SERVICES)
    return {
        "certificate_authority_name": host.name,
        "certificate_authority_region": plan.topology.home(host).region,
        "certificate_authority_ocsp_url": f"http://{ocsp}",
        "certificate_authority_vas_url": f"https://{vas}",
        "certificate_authority_export": "{{ lab_roots }}",
        "certificate_authority_make_root": True,  # a lab begins with nothing, each time
        "ocsp_responder_host_name": ocsp,
        **vas_node.serving(plan, host, host),
        **_mail(plan.topology, host),
        **(_database(plan, host) if _has_server(host) else {}),
    }


def _mail(topology: Topology, host: Host) -> Mapping[str, Any]:
    mail = registrar.mail_of(topology, sender_of(host.name))
    further = {_NEW_ADDRESSES: True} if mail and host.variables.get(_NEW_ADDRESSES) else {}
    return {"voucher_authority_mail": {**mail, **further}} if mail else {}


def _database(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "voucher_authority_database": _POSTGRESQL,
        "postgresql_shared_buffers": "16MB",
        **vas_node.letting_in(plan, host),
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    ocsp = vas_node.name_of(host, "ocsp")
    yield vas_node.ready(host, vas_node.name_of(host, "vas"), _ROOT)
    yield Check("the OCSP responder is ready", host.name, fetch(f"http://{ocsp}/readyz"))


ROLE = Role(
    name="authority",
    groups=("authorities",),
    further_groups={"databases": _has_server},
    shares_names=("vas_node",),
    renewal=RENEWAL,
    needs={"vendor": "signs the directory that a VAS goes by"},
    names=_names,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
