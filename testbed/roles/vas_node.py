"""A further node of an authority's Voucher Authority Server: the same name, the same database, keys of its own.

What every node is told is here, that on the authority's own host too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import NETWORKS, Plan
from testbed.model.topology import Host, Topology
from testbed.roles import publisher
from testbed.roles.perspective import NODE_OF, nodes_of, perspectives_of
from testbed.roles.role import Check, Role, fetch

# The topology's own word: what an authority with further nodes keeps their log in.
_DATABASE = ("database", "postgresql")
_ROOT = "/etc/mecai/ca-root.pem"
_REPORT_KEY = "/var/lib/mecai-vas/report-key.pem"
_TLS = {
    "sslmode": "verify-full",
    "sslrootcert": "/etc/mecai/agents-roots.pem",
    "sslcert": "/var/lib/mecai-vas/agents-certificate.pem",
    "sslkey": "/var/lib/mecai-vas/agents-key.pem",
}
# The roots of all public authorities, whom anybody's web server may be certified by; none yet in a first check.
_PUBLIC_ROOTS = (
    "{{ query('ansible.builtin.file', *query('ansible.builtin.fileglob', lab_roots ~ '/*.crt') | sort, rstrip=false)"
    " | join }}"
)


def name_of(authority: Host, service: str) -> str:
    """Return the DNS name of an authority's service, `vas` or `ocsp`; empty where it has none."""
    return next((name for name in authority.names if name.partition(".")[0] == service), "")


def serving(plan: Plan, authority: Host, node: Host) -> Mapping[str, Any]:
    """Return what one node of an authority's VAS is told of it, as the role `voucher_authority` takes it."""
    nodes, agents = nodes_of(plan.topology, authority.name), perspectives_of(plan.topology, authority)
    others = [address for other in nodes if other != node for address in plan.addresses(other.name)]
    among = {"name": _own_name(plan, node), "authority": authority.name, "others": others}
    return {
        "voucher_authority_host_name": name_of(authority, "vas"),
        "voucher_authority_metrics_listen": "",  # nobody asks in a lab, whose hosts have little memory
        "voucher_authority_settings": {
            "hold": "PT0S",
            "allowed_networks": list(NETWORKS),
            "refused_networks": [address for each in nodes for address in plan.addresses(each.name)],
            "report_key": _REPORT_KEY,
        },
        **_directories(plan.topology),
        **({"voucher_authority_perspectives": agents} if agents else {}),
        **({"voucher_authority_nodes": among} if others else {}),
    }


def letting_in(plan: Plan, authority: Host) -> Mapping[str, Any]:
    """Return what the role `postgresql` is told of the nodes on other hosts; nothing where there are none."""
    _, *others = nodes_of(plan.topology, authority.name)
    clients = [
        {"name": _own_name(plan, node), "addresses": [f"{ipv4}/32", f"{ipv6}/128"]}
        for node in others
        for ipv4, ipv6 in [plan.addresses(node.name)]
    ]
    listen = {
        "postgresql_listen": list(plan.addresses(authority.name)),
        "postgresql_host_name": _own_name(plan, authority),
        "postgresql_clients": clients,
    }
    return listen if clients else {}


def ready(node: Host, vas: str, root: str) -> Check:
    """Return the check that a node itself would vouch, whatever the others do that have its name."""
    own = ("--connect-to", f"{vas}:443:localhost:443")
    return Check("the VAS is ready", node.name, fetch(f"https://{vas}/readyz", *own, "--cacert", root))


def _own_name(plan: Plan, node: Host) -> str:
    return f"{node.name}.{plan.topology.domain}"


def _principal(node: Host) -> str:
    return str(node.variables.get(NODE_OF, ""))


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


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    shared = {
        each.name: each for each in topology.of_role("authority") if each.variables.get(_DATABASE[0]) == _DATABASE[1]
    }
    if (name := _principal(host)) not in shared:
        expected = ", ".join(shared) or "none has"
        key = f"hosts.{host.name}.vars.{NODE_OF}"
        yield f"{key}: saw {name or 'none'!r}; expected an authority with {': '.join(_DATABASE)} ({expected})"
    elif host.names != (vas := (name_of(shared[name], "vas"),)):
        yield f"hosts.{host.name}.names: saw {', '.join(host.names) or 'none'}; expected [{vas[0]}], the name of both"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    authority = plan.topology.host(_principal(host))
    where = f"{_own_name(plan, authority)}/mecai-vas?{'&'.join(f'{key}={value}' for key, value in _TLS.items())}"
    return {
        **serving(plan, authority, host),
        "voucher_authority_authority": authority.name,
        "voucher_authority_database": f"postgresql+psycopg://mecai-vas@{where}",
        "voucher_authority_worker": False,
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield ready(host, host.names[0], _ROOT)


ROLE = Role(
    name="vas_node",
    groups=("vas_nodes",),
    needs={"authority": "has it serve"},
    shares_names=("authority", "vas_node"),
    variables=_variables,
    promises=_promises,
    faults=_faults,
)
