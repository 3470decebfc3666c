"""Every host runs what it should and no more: units, sandboxes, users, private keys, listening sockets."""

import pytest

from tests.lab.conftest import Machine

# systemd-analyze's scale goes from 0 (SAFE) to 10; a service without any sandbox gets 9.6.
EXPOSURE_LIMIT = 1.5

ANY_V4_AND_V6 = ("0.0.0.0", "[::]")  # noqa: S104 - what is looked for, not listened on
UNITS = {
    "router": {"knot.service": "knot", "unbound.service": ""},
    "authority": {
        "nginx.service": "",
        "mecai-vas.service": "mecai-vas",
        "mecai-vas.socket": "",
        "mecai-vas-signer.service": "mecai-vas-signer",
        "mecai-vas-signer.socket": "",
        "mecai-vas-worker.service": "mecai-vas",
        "mecai-ocsp.service": "mecai-ocsp",
        "mecai-ocsp.socket": "",
        "mecai-ca-publish.timer": "",
    },
    # Debian's own units; the second is brought in by the first.
    "database": {"postgresql.service": ""},
    "private_authority": {
        "nginx.service": "",
        "mecai-ocsp.service": "mecai-ocsp",
        "mecai-ocsp.socket": "",
        "mecai-ca-publish.timer": "",
    },
    "perspective": {"mecai-perspective.service": "mecai-perspective"},
    "vas_node": {
        "nginx.service": "",
        "mecai-vas.service": "mecai-vas",
        "mecai-vas.socket": "",
        "mecai-vas-signer.service": "mecai-vas-signer",
        "mecai-vas-signer.socket": "",
    },
    "tls_server": {"nginx.service": "", "mecai-sidecar.service": "mecai-sidecar"},
    "python_server": {
        "mecai-site.service": "mecai-site",
        "mecai-site.socket": "",
        "mecai-sidecar.service": "mecai-sidecar",
    },
    "haproxy_server": {
        "nginx.service": "",
        "haproxy.service": "",
        "mecai-sidecar.service": "mecai-sidecar",
        "mecai-export-haproxy.timer": "",
    },
    "stock_server": {"mecai-export-site.timer": ""},  # a tls_server besides
    "slot_server": {"mecai-slot-site.timer": ""},  # a tls_server besides
    "mail_server": {
        "nginx.service": "",
        "postfix.service": "",
        "dovecot.service": "",
        "mecai-sidecar.service": "mecai-sidecar",
    },
    "delivered_server": {
        "nginx.service": "",
        "ssh.service": "",
        "mecai-deliveries-closed.service": "mecai-deliveries-closed",  # a user that systemd makes for it (DynamicUser=)
    },
    "deliverer": {"mecai-push.timer": ""},  # a tls_server besides
    "plain_server": {"nginx.service": ""},
    "registry": {"nginx.service": ""},
    "mail_host": {"postfix.service": ""},
    "nameserver": {"knot.service": "knot"},
    "resolver": {"unbound.service": ""},
    "publisher": {"nginx.service": ""},
    "bgp_router": {"bird.service": "bird"},
    "firewall": {"nftables.service": "", "unbound.service": ""},
    "client": {},
    "attacker": {"nginx.service": ""},
    "vendor": {"nginx.service": ""},
}
# Behind nginx: Postfix, Dovecot and what tells nginx of them; HAProxy, and the port of its own TLS.
BEHIND_NGINX = {
    "mail_server": ("127.0.0.1:925", "127.0.0.1:943", "127.0.0.1:980", "127.0.0.1:987"),
    "haproxy_server": ("127.0.0.1:980", "*:8443"),
}
# Who runs a service of MECAI.
SANDBOXED = {
    "authority",
    "private_authority",
    "perspective",
    "tls_server",
    "delivered_server",
    "python_server",
    "haproxy_server",
    "mail_server",
    "vas_node",
}
# Of a VAS that fetches the directory of a context.
FETCHES = {"mecai-vas-contexts.timer": ""}
TCP_PORTS = {
    "bgp_router": (179,),
    "private_authority": (80,),
    "authority": (80, 443),
    "tls_server": (80, 443),
    "mail_server": (25, 143, 465, 587, 993),
    "delivered_server": (22, 80, 443),
    "plain_server": (80, 443),
    "registry": (443,),
    "mail_host": (25,),
    "perspective": (8443,),
    "python_server": (443,),
    "haproxy_server": (443,),
    "slot_server": (853, 993),
    "vas_node": (443,),
    "publisher": (443,),
    "vendor": (443,),
}
CA_KEYS = {
    "/var/lib/mecai-ca/authority/root.key.pem": "mecai-ca",
    "/var/lib/mecai-ca/authority/issuing.key.pem": "mecai-ca",
    "/var/lib/mecai-ocsp/root.key.pem": "mecai-ocsp",
    "/var/lib/mecai-ocsp/issuing.key.pem": "mecai-ocsp",
}
# A site's own key, where a role keeps it elsewhere, or one more.
SITES_KEYS = {"haproxy_server": "/etc/haproxy/tls/{}.pem.key", "slot_server": "/etc/ssl/private/{}.backup.pem"}
# What a VA with agents, or further nodes, keeps besides.
PRIVATE_CA_KEYS = {
    "/var/lib/mecai-agents/authority/root.key.pem": "mecai-agents",
    "/var/lib/mecai-agents/authority/issuing.key.pem": "mecai-agents",
}
# Where nodes of one VA ask each other, and their database.
NODES_PORT, DATABASE_PORT = 8443, 5432
# Where a nameserver of a lab with a DNS root keeps the keys of its zones, named by their digests.
DNSSEC = "/var/lib/knot/keys/"
# ... and a server with a slot those of its certificates, one folder for each.
SLOTS = "/etc/mecai/tls/"


def test_units_run_and_start_with_the_host_as_their_own_user(machine: Machine) -> None:
    for name, user in (unit for role in machine.roles for unit in _units(machine, role).items()):
        unit = machine.survey.units[name]
        assert (unit.active, unit.enabled, unit.user) == ("active", "enabled", user), name


@pytest.mark.lab_only("what else an own host runs may fail")
def test_no_unit_failed(machine: Machine) -> None:
    assert not [name for name, unit in machine.survey.units.items() if unit.active == "failed"]


def test_services_are_sandboxed(machine: Machine) -> None:
    exposure = {unit: value for unit, value in machine.survey.exposure.items() if unit.startswith("mecai-")}
    assert bool(exposure) == bool(machine.roles & SANDBOXED)
    assert all(value <= EXPOSURE_LIMIT for value in exposure.values()), exposure


def test_private_keys_are_their_users_own(machine: Machine) -> None:
    wanted = {path: (owner, "0o600") for role in machine.roles for path, owner in _keys(machine, role).items()}
    assert {path: machine.survey.keys.get(path) for path in wanted} == wanted


@pytest.mark.lab_only("an own host may have keys of its own")
def test_there_are_no_other_private_keys(machine: Machine) -> None:
    kept = {DNSSEC} if "nameserver" in machine.roles else {SLOTS} if "slot_server" in machine.roles else set()
    named = {path for path in machine.survey.keys if path.startswith(tuple(kept))}
    assert set(machine.survey.keys) - named == {path for role in machine.roles for path in _keys(machine, role)}


@pytest.mark.lab_only("an own host is reached by SSH, and may serve more")
def test_nothing_else_listens(machine: Machine) -> None:
    assert machine.survey.sockets == {socket for role in machine.roles for socket in _sockets(machine, role)}


def _units(machine: Machine, role: str) -> dict[str, str]:
    """Return the units that a host is to run in a role, each with its user, where it is not root."""
    match role:
        case "authority" | "vas_node":
            return UNITS[role] | (FETCHES if machine.told.fetched else {})
        case "publisher" | "vendor":
            return UNITS[role] if machine.told.directory else {}
        case _:
            return UNITS[role]


def _keys(machine: Machine, role: str) -> dict[str, str]:
    """Return the private keys that a host is to have in a role, and whose they are."""
    match role:
        case "authority" | "vas_node" | "private_authority":
            own, serves = CA_KEYS if role != "vas_node" else {}, role != "private_authority"
            return own | (_vas_keys(machine) if serves else {})
        case "database":
            return {"/var/lib/postgresql/mecai-key.pem": "postgres"} if machine.told.listens else {}
        case "tls_server" | "delivered_server" | "plain_server" | "deliverer" | "haproxy_server" | "slot_server":
            form = SITES_KEYS.get(role, "/etc/ssl/private/{}.pem")
            site = {form.format(machine.told.site): "root"} if machine.told.issuer else {}
            return {"/var/lib/mecai-push/key": "mecai-push"} if role == "deliverer" else site
        case "registry" | "mail_host" | "mail_server":
            told = machine.told
            name = {"registry": told.rdap, "mail_host": told.mail, "mail_server": told.mail_server}[role]
            return {f"/etc/ssl/private/{name}.pem": "root"}
        case "vendor" | "publisher" | "perspective" | "python_server":
            name = {"perspective": "perspective", "python_server": "site"}.get(role, "publisher")
            web = {f"/etc/ssl/private/{machine.told.directory}.pem": "root"} if machine.told.directory else {}
            return {f"/var/lib/mecai-{name}/key.pem": f"mecai-{name}", **web}
        case _:
            return {}


def _vas_keys(machine: Machine) -> dict[str, str]:
    """Return the keys of a node of a VAS: mail and reports are the work of the authority's own."""
    told, works = machine.told, "authority" in machine.roles
    return {
        "/var/lib/mecai-vas-signer/key.pem": "mecai-vas-signer",
        f"/etc/ssl/private/{told.vas}.pem": "root",
        **({"/var/lib/mecai-vas/mail-key.pem": "mecai-vas"} if told.sender and works else {}),
        **({told.report_key: "mecai-vas"} if told.report_key and works else {}),
        **(PRIVATE_CA_KEYS if works and (told.agents or told.node) else {}),
        **({"/var/lib/mecai-vas/agents-key.pem": "mecai-vas"} if told.agents or told.node else {}),
        **({f"/etc/ssl/private/{told.node}.{name}.pem": "root" for name in ("node", "door")} if told.node else {}),
    }


def _sockets(machine: Machine, role: str) -> set[tuple[str, str]]:
    """Return what a host of the role is to listen on."""
    match role:
        case "database":
            return {("tcp", f"{_written(address)}:{DATABASE_PORT}") for address in machine.told.listens}
        case "router":
            public = {(protocol, f"{address}:53") for protocol in ("udp", "tcp") for address in ANY_V4_AND_V6}
            return public | {("udp", "127.0.0.1:5353"), ("tcp", "127.0.0.1:5353")}
        case "firewall" | "nameserver" | "resolver":
            return {(protocol, f"{address}:53") for protocol in ("udp", "tcp") for address in ANY_V4_AND_V6}
        case "mail_server" | "haproxy_server":
            public = {("tcp", f"{address}:{port}") for address in ANY_V4_AND_V6 for port in TCP_PORTS[role]}
            return public | {("tcp", behind) for behind in BEHIND_NGINX[role]}
        case "perspective" | "python_server":
            return {("tcp", f"*:{port}") for port in TCP_PORTS[role]}  # one socket for both families
        case _:
            among_nodes = role in {"authority", "vas_node"} and machine.told.node
            ports = (*TCP_PORTS.get(role, ()), *((NODES_PORT,) if among_nodes else ()))
            return {("tcp", f"{address}:{port}") for address in ANY_V4_AND_V6 for port in ports}


def _written(address: str) -> str:
    return f"[{address}]" if ":" in address else address
