"""A registrar: it publishes by RDAP who owns the sites' domains, and keeps their owners' mail, with their filter."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.naming import registrable
from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles import tls_server
from testbed.roles.role import Check, Role, fetch

# The owner's addresses: two that the registry publishes, and one that the DNS names for the first of the domains.
_OWNER, _ABUSE, _CAA = "owner", "abuse", "caa"

_SHOWS_A_CERTIFICATE = "openssl s_client -connect localhost:25 -starttls smtp </dev/null 2>&1 | openssl x509 -noout"


def _names(host: str) -> tuple[str, ...]:
    return f"rdap.{host}.test", f"mail.{host}.test"


def _name_of(host: Host, service: str) -> str:
    return next((name for name in host.names if name.partition(".")[0] == service), "")


def _vouched(topology: Topology) -> tuple[Host, ...]:
    """List the servers that vouchers are asked for: VAs tell the owners of their domains."""
    further = (host for role in ("mail_server", "delivered_server") for host in topology.of_role(role))
    return (*tls_server.sites(topology), *further)


def _domains(topology: Topology) -> list[str]:
    return list(dict.fromkeys(registrable(name) for server in _vouched(topology) for name in server.names))


def records(topology: Topology) -> dict[str, str]:
    """Return the DNS record that names a contact (CAA, RFC 8659), by its domain; one domain alone has any."""
    owned = _domains(topology)[:1] if topology.of_role("registrar") else []
    return {domain: f'{domain}. CAA 0 contactemail "{_CAA}@{domain}"' for domain in owned}


def mailboxes(topology: Topology) -> list[str]:
    """List the addresses whose mail a registrar keeps: three of the owner of each site's domain."""
    return [f"{name}@{domain}" for domain in _domains(topology) for name in (_OWNER, _ABUSE, _CAA)]


def mail_of(topology: Topology, sender: str) -> Mapping[str, Any]:
    """Return how an authority tells owners by mail from `sender`, empty where the topology has no registrar."""
    for host in topology.of_role("registrar"):
        root = f"lab_roots ~ '/{tls_server.issuer(topology, host)}.crt'"
        return {
            "sender": sender,
            "relay": _name_of(host, "mail"),
            "starttls": True,
            "registries": {"version": "1.0", "services": [[["test"], [f"https://{_name_of(host, 'rdap')}/"]]]},
            # Empty in a first check, when there is none yet.
            "roots": f"{{{{ lookup('ansible.builtin.file', {root}, errors='ignore') | default('', true) }}}}",
        }
    return {}


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    topology = plan.topology
    issuer, domains = tls_server.issuer(topology, host), _domains(topology)
    return {
        "rdap_registry_host_name": _name_of(host, "rdap"),
        "rdap_registry_authority": issuer,
        "rdap_registry_domains": [{"name": domain, "contacts": _contacts(domain)} for domain in domains],
        "mail_host_name": _name_of(host, "mail"),
        "mail_host_authority": issuer,
        "mail_host_addresses": mailboxes(topology),
        "mail_host_orders": [{"host": server.name, "path": tls_server.chain(server)} for server in _vouched(topology)],
    }


def _contacts(domain: str) -> list[dict[str, Any]]:
    return [
        {"roles": ["registrant", "technical"], "name": f"the owner of {domain}", "email": f"{_OWNER}@{domain}"},
        {"roles": ["abuse"], "name": f"abuse desk of {domain}", "email": f"{_ABUSE}@{domain}"},
    ]


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    rdap = _name_of(host, "rdap")
    for domain in _domains(plan.topology):
        trust = ("--cacert", f"/etc/ssl/certs/{rdap}.pem")  # its own chain: curl is content with an intermediate
        yield Check(f"knows who owns {domain}", host.name, fetch(f"https://{rdap}/domain/{domain}", *trust))
    yield Check("takes mail over TLS", host.name, ["sh", "-c", _SHOWS_A_CERTIFICATE])


def _faults(_topology: Topology, host: Host) -> Iterator[str]:
    for service in ("rdap", "mail"):
        if not _name_of(host, service):
            seen = ", ".join(host.names) or "none"
            yield f"hosts.{host.name}.names: saw {seen}; expected one that begins with {service}., or none at all"


ROLE = Role(
    name="registrar",
    groups=("registries", "mail_hosts"),
    needs={"authority": "certifies it", "tls_server": "has the domains that it publishes the owner of"},
    names=_names,
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
