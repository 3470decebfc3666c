"""The hosts of an Ansible inventory: what its groups make of them, and what the roles are told of them.

Ansible itself reads it, so that every way to write an inventory holds, and templates in it are filled in.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SECONDS = 120
# What the playbooks make of a host of each group; slot_servers and the last eight are the lab's own.
ROLES = {
    "authorities": "authority",
    "databases": "database",
    "tls_servers": "tls_server",
    "stock_servers": "stock_server",
    "slot_servers": "slot_server",
    "python_servers": "python_server",
    "haproxy_servers": "haproxy_server",
    "mail_servers": "mail_server",
    "delivered_servers": "delivered_server",
    "deliverers": "deliverer",
    "clients": "client",
    "vendors": "vendor",
    "private_authorities": "private_authority",
    "plain_servers": "plain_server",
    "publishers": "publisher",
    "registries": "registry",
    "mail_hosts": "mail_host",
    "perspectives": "perspective",
    "vas_nodes": "vas_node",
    "routers": "router",
    "bgp_routers": "bgp_router",
    "firewalls": "firewall",
    "nameservers": "nameserver",
    "resolvers": "resolver",
    "attackers": "attacker",
}
_QUESTION = """{{ {
    'groups': group_names,
    'vas': voucher_authority_host_name | default(''),
    'authority': voucher_authority_authority | default(''),
    'node': (voucher_authority_nodes | default({})).name | default(''),
    'listens': postgresql_listen | default([]),
    'ocsp': ocsp_responder_host_name | default(''),
    'owner_group': certificate_authority_owner_group | default(certificate_authority_name | default('')),
    'agents': (voucher_authority_perspectives | default({})).agents | default([]) | map(attribute='name') | list,
    'contexts': voucher_authority_directories | default([{'context': 'MOZ'}]) | map(attribute='context') | list,
    'fetched': voucher_authority_directories | default([]) | map(attribute='url', default='') | select | list,
    'report_key': (voucher_authority_settings | default({})).report_key | default(''),
    'directory': directory_server_host_name | default(''),
    'sender': (voucher_authority_mail | default({})).sender | default(''),
    'new_addresses': (voucher_authority_mail | default({})).new_addresses | default(false),
    'rdap': rdap_registry_host_name | default(''),
    'mail': mail_host_name | default(''),
    'mailboxes': mail_host_addresses | default([]),
    'site': tls_server_names | default(python_server_names | default(haproxy_server_names | default(['']))) | first,
    'mail_server': mail_server_name | default(''),
    'mail_users': mail_server_users | default([]) | map(attribute='address') | list,
    'issuer': (voucher_slots_certificates | default([{}]) | first).authority | default('')
              or tls_server_authority | default(mail_server_authority | default(python_server_authority
              | default(haproxy_server_authority | default('')))),
    'slot': tls_server_slot | default(''),
    'addresses': (voucher_sidecar_certificates | default([{'addresses': []}]) | first).addresses,
} }}"""
_ANSWER = re.compile(r"^(\S+) \| SUCCESS => (\{.*?^\})", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Told:
    """What an inventory tells of one host; empty where the host's roles do not ask for it."""

    roles: frozenset[str]
    vas: str
    authority: str
    node: str
    listens: tuple[str, ...]
    ocsp: str
    owner_group: str
    agents: tuple[str, ...]
    contexts: tuple[str, ...]
    fetched: tuple[str, ...]
    report_key: str
    directory: str
    sender: str
    new_addresses: bool
    rdap: str
    mail: str
    mailboxes: tuple[str, ...]
    site: str
    mail_server: str
    mail_users: tuple[str, ...]
    issuer: str
    slot: str
    addresses: tuple[str, ...]


def read(path: Path, environment: Mapping[str, str]) -> dict[str, Told]:
    """Return what is told of each host; ends the run in one line where Ansible cannot read the inventory."""
    program = Path(sys.executable).with_name("ansible")
    command = [str(program), "all", "-i", str(path), "-m", "ansible.builtin.debug", "-a", f"msg={_QUESTION}"]
    own = {**os.environ, **environment, "ANSIBLE_NOCOLOR": "1"}
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env=own)
    answers = {host: json.loads(answer)["msg"] for host, answer in _ANSWER.findall(said.stdout)}
    if said.returncode or not answers:
        lines = (said.stderr or said.stdout).strip().splitlines() or ["no hosts in it"]
        raise pytest.UsageError(f"inventory {path}: {lines[0]}")
    told = {host: _told(answer) for host, answer in answers.items()}
    if not any(one.roles for one in told.values()):
        raise pytest.UsageError(f"inventory {path}: no host in any group of the playbooks ({', '.join(ROLES)})")
    return told


def _told(answer: dict[str, object]) -> Told:
    groups = answer.pop("groups")
    assert isinstance(groups, list)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in answer.items()}
    return Told(roles=frozenset(ROLES[group] for group in groups if group in ROLES), **values)
