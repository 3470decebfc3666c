"""A stolen key of an agent, or of its client: what docs/voucher-authority.md says to run, with the real `mecai ca`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from mecai.ca.config import AuthorityConfig, Days
from mecai.ca.storage.records import serial_text
from mecai.service.pem import load_certificates, load_crls, load_key
from mecai.service.settings import read_settings
from tests.unit.ansible.running import ANSIBLE, play

ROLES = ANSIBLE / "roles"
RUNBOOK = (ANSIBLE.parent / "docs/voucher-authority.md").read_text(encoding="utf-8")
REVOKE = "mecai ca revoke --config /etc/mecai/agents-ca.toml --reason keyCompromise --serial"
LIST = "mecai ca list --config /etc/mecai/agents-ca.toml"
PARTIES = {"agent": "server", "vas": "client"}


class Hosts:
    """The hosts of a CA of agents, of an agent and of their VAS: all this machine, their files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def converge(self, *options: str, certify: bool = True) -> int:
        """Play what the runs of all three come to; returns how many tasks changed something.

        Without `certify` no certificate is looked at: that part has tests of its own.
        """
        template = self.folder / "agents-ca.toml.j2"
        template.write_text(self._moved((ROLES / "agents_ca/templates/agents-ca.toml.j2").read_text()))
        settings = {"src": str(template), "dest": "/etc/mecai/agents-ca.toml", "mode": "0600"}
        tasks = [
            {"name": "Write the settings", "ansible.builtin.template": settings},
            *(each for each in self._tasks("agents_ca", "main") if "ansible.builtin.command" in each),
            *self._tasks("agents_ca", "roots"),
            *(self._tasks("certificate", "main") if certify else []),
        ]
        requests = [
            {"key": f"/etc/mecai/{party}.key", "path": f"/etc/mecai/{party}.pem", "owner": "nobody", "profile": profile}
            | {"name": f"{party}.test", "dns": [f"{party}.test"]}
            for party, profile in PARTIES.items()
        ]
        given = {
            "service_account": {"changed": False},
            "certificate_requests": requests,
            "certificate_authority_settings": "/etc/mecai/agents-ca.toml",
            "certificate_issuer": "agents",
        }
        roles = ("agents_ca", "certificate")
        files = [f"{ROLES}/{role}/{part}/main.yml" for role in roles for part in ("defaults", "vars")]
        public = {"__agents_ca_public": "/var/lib/mecai-agents-public"}
        moved = json.loads(self._moved(json.dumps([tasks, given, public])))
        ran = play(self.folder, moved[0], "-e", json.dumps(moved[1] | moved[2]), *options, vars_files=files)
        assert ran.returncode == 0, ran.stdout
        return int(re.findall(r"changed=(\d+)", ran.stdout)[-1])

    def run(self, command: str, *words: str) -> str:
        """Run a command of the runbook on the CA's host."""
        mecai, *rest = self._moved(command).split()
        argv = [str(Path(sys.executable).with_name(mecai)), *rest, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout

    def certificate(self, party: str) -> x509.Certificate:
        """Return what a party shows now, of the key that it has."""
        shown, *_ = load_certificates(self.folder / f"{party}.pem")
        assert shown.public_key() == load_key(self.folder / f"{party}.key").public_key()
        return shown

    @property
    def revoked(self) -> set[int]:
        """The serial numbers in the lists that agent and VAS read."""
        return {each.serial_number for crl in load_crls(self.folder / "agents-crl.pem") for each in crl}

    def _tasks(self, role: str, name: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = yaml.safe_load((ROLES / role / "tasks" / f"{name}.yml").read_text())
        return tasks

    def _moved(self, text: str) -> str:
        """Let files lie in the folder, and be this user's."""
        text = re.sub(r"/etc/mecai/|/var/lib/(?=mecai-agents)", f"{self.folder}/", text)
        return re.sub(r'"(owner|group)": "root", |"become": true, ', "", text)


def test_after_a_theft_one_command_and_one_run_take_the_key_away(tmp_path: Path) -> None:
    """Of an agent here, or of the VAS's client; whose key was not stolen keeps it. A run more changes nothing."""
    hosts = Hosts(tmp_path)
    hosts.converge()
    before = {each: hosts.certificate(each) for each in PARTIES}
    assert hosts.revoked == set()
    config = read_settings(tmp_path / "agents-ca.toml", AuthorityConfig)
    assert (config.crl_url, config.days.crl) == (None, Days().client)  # they last as long as what they are about
    stolen, lines = serial_text(before["agent"].serial_number), hosts.run(LIST).splitlines()
    assert lines[lines.index("  agent.test") - 1].startswith(f"{stolen}  server")
    hosts.run(REVOKE, stolen)
    assert hosts.converge("--check", certify=False) == 1
    assert hosts.revoked == set()
    hosts.converge()
    assert hosts.revoked == {before["agent"].serial_number}
    after = {each: hosts.certificate(each) for each in PARTIES}
    assert after["vas"] == before["vas"]
    assert after["agent"].public_key() != before["agent"].public_key()
    assert hosts.converge(certify=False) == 0


def test_the_runbook_names_these_commands() -> None:
    assert f"{REVOKE} " in RUNBOOK
    assert LIST in RUNBOOK
    assert (
        "ansible-playbook -i inventories/mine playbooks/perspectives.yml playbooks/voucher_authorities.yml" in RUNBOOK
    )


def test_all_who_believe_somebody_hear_of_it_before_anybody_has_a_new_key() -> None:
    """In that run: the Voucher Authorities first, then each agent before it asks for a certificate."""
    plays = yaml.safe_load((ANSIBLE / "playbooks/perspectives.yml").read_text(encoding="utf-8"))
    assert [each["hosts"] for each in plays] == ["authorities", "authorities:vas_nodes", "perspectives"]
    [told] = plays[1]["tasks"]
    assert told["ansible.builtin.import_role"] == {"name": "mecai.infrastructure.agents_ca", "tasks_from": "roots"}
    blocks = [
        yaml.safe_load((ROLES / role / "tasks" / f"{name}.yml").read_text())
        for role, name in (("perspective", "main"), ("voucher_authority", "private"))
    ]
    for tasks in (next(each["block"] for each in blocks[0] if "block" in each), blocks[1]):
        roles = filter(None, (each.get("ansible.builtin.import_role") for each in tasks))
        names = [each["name"].rpartition(".")[2] for each in roles]
        assert names[:2] == ["agents_ca", "certificate"]
