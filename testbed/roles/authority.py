"""A certificate authority: root and issuing CA, OCSP responder, VAS."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles import publisher, registrar
from testbed.roles.perspective import perspectives_of
from testbed.roles.role import Check, Role, fetch

_SERVICES = ("vas", "ocsp")
# The topology's own word: what the VAS keeps its log in, SQLite (a file) or PostgreSQL (a server on the same host).
_DATABASE = "database"
_DATABASES = ("sqlite", "postgresql")
_POSTGRESQL = "postgresql+psycopg://mecai-vas@/mecai-vas?host=/var/run/postgresql"
_ROOT = "/var/lib/mecai-ca-public/root.pem"
_REPORT_KEY = "/var/lib/mecai-vas/report-key.pem"
# The roots of all public authorities, whom anybody's web server may be certified by; none yet in a first check.
_PUBLIC_ROOTS = (
    "{{ query('ansible.builtin.file', *query('ansible.builtin.fileglob', lab_roots ~ '/*.crt') | sort, rstrip=false)"
    " | join }}"
)

# Publishes the certificate status and the CRLs that are due.
RENEWAL = ("systemctl", "start", "mecai-ca-publish.service")


def _names(host: str) -> tuple[str, ...]:
    return tuple(f"{service}.{host}.test" for service in _SERVICES)


def _name_of(host: Host, service: str) -> str:
    return next((name for name in host.names if name.partition(".")[0] == service), "")


def sender_of(host: str) -> str:
    """Return the address from which an authority tells the owners of domains."""
    return f"notary@{host}.test"


def vas_of(host: Host) -> str:
    """Return the DNS name of an authority's VAS."""
    return _name_of(host, "vas")


def _faults(_topology: Topology, host: Host) -> Iterator[str]:
    for service in _SERVICES:
        if not _name_of(host, service):
            seen = ", ".join(host.names) or "none"
            yield f"hosts.{host.name}.names: saw {seen}; expected one that begins with {service}., or none at all"
    if (seen := host.variables.get(_DATABASE, _DATABASES[0])) not in _DATABASES:
        yield f"hosts.{host.name}.vars.{_DATABASE}: saw {seen!r}; expected {' or '.join(_DATABASES)}"


def _has_server(host: Host) -> bool:
    return host.variables.get(_DATABASE) == "postgresql"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    vas, ocsp = (_name_of(host, service) for service in _SERVICES)
    return {
        "certificate_authority_name": host.name,
        "certificate_authority_region": plan.topology.home(host).region,
        "certificate_authority_ocsp_url": f"http://{ocsp}",
        "certificate_authority_vas_url": f"https://{vas}",
        "certificate_authority_export": "{{ lab_roots }}",
        "certificate_authority_make_root": True,  # a lab begins with nothing, each time
        "ocsp_responder_host_name": ocsp,
        "voucher_authority_host_name": vas,
        "voucher_authority_metrics_listen": "",  # nobody asks in a lab, whose hosts have little memory
        "voucher_authority_settings": {
            "hold": "PT0S",
            "allowed_networks": list(NETWORKS),
            "refused_networks": list(plan.addresses(host.name)),
            "report_key": _REPORT_KEY,
        },
        **_directories(plan.topology),
        **_mail(plan.topology, host),
        **_agents(plan.topology, host),
        **(_database() if _has_server(host) else {}),
    }


def _mail(topology: Topology, host: Host) -> Mapping[str, Any]:
    mail = registrar.mail_of(topology, sender_of(host.name))
    return {"voucher_authority_mail": mail} if mail else {}


def _agents(topology: Topology, host: Host) -> Mapping[str, Any]:
    agents = perspectives_of(topology, host)
    return {"voucher_authority_perspectives": agents} if agents else {}


def _database() -> Mapping[str, Any]:
    return {"voucher_authority_database": _POSTGRESQL, "postgresql_shared_buffers": "16MB"}


def _directories(topology: Topology) -> Mapping[str, Any]:
    """Return where the directories of all contexts are fetched, and where their first pins lie."""
    further = publisher.contexts(topology)
    fetched = [
        {
            "context": publisher.context(host),
            "url": publisher.url(host),
            "publishers": f"{publisher.folder(host)}/publishers.pem",
        }
        for host in (*topology.of_role("vendor")[:1], *topology.of_role("publisher"))
    ]
    return {
        "voucher_authority_directories": fetched,
        "voucher_authority_directory_roots": _PUBLIC_ROOTS,
        **({"directory_consumer_contexts": further} if further else {}),
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    vas, ocsp = (_name_of(host, service) for service in _SERVICES)
    yield Check("the VAS is ready", host.name, fetch(f"https://{vas}/readyz", "--cacert", _ROOT))
    yield Check("the OCSP responder is ready", host.name, fetch(f"http://{ocsp}/readyz"))


ROLE = Role(
    name="authority",
    groups=("authorities",),
    further_groups={"databases": _has_server},
    renewal=RENEWAL,
    needs={"vendor": "signs the directory that a VAS goes by"},
    names=_names,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
