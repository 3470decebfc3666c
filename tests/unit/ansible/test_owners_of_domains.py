"""The roles of a lab's registrar: what they publish is what a VA reads, and the filter knows what was ordered."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mecai.service.deadline import Deadline
from mecai.vas.notify.rdap import Registries, contacts_by_rdap
from testbed.model import plan, reading
from testbed.model.topology import Topology
from testbed.roles import ROLES, registrar
from tests.unit.ansible.running import ANSIBLE, play

TOPOLOGIES = [reading.load(reading.find(name), ROLES) for name in ("small", "internet")]
IDS = [topology.name for topology in TOPOLOGIES]


@pytest.mark.parametrize("topology", TOPOLOGIES, ids=IDS)
def test_a_va_reads_what_the_registry_of_the_lab_publishes(tmp_path: Path, topology: Topology) -> None:
    role = ANSIBLE / "roles" / "rdap_registry"
    tasks = yaml.safe_load((role / "tasks" / "main.yml").read_text(encoding="utf-8"))
    [write] = [task for block in tasks for task in block.get("block", ()) if task["name"] == "Write the documents"]
    for key in ("owner", "group"):
        del write["ansible.builtin.copy"][key]
    (tmp_path / "domain").mkdir()
    variables = (role / "vars" / "main.yml").read_text(encoding="utf-8")
    (tmp_path / "vars.yml").write_text(variables.replace("/var/lib/rdap-registry", str(tmp_path)))
    [host] = topology.of_role("registrar")
    told = ROLES["registrar"].variables(plan.make(topology), host)
    ran = play(tmp_path, [write], "-e", json.dumps(dict(told)), vars_files=[str(tmp_path / "vars.yml")])
    assert ran.returncode == 0, ran.stdout

    services = registrar.mail_of(topology, "notary@birch.test")["registries"]
    (tmp_path / "rdap.json").write_text(json.dumps(services))
    asked = []

    def get(url: str, _limit: int, _deadline: Deadline) -> bytes:
        asked.append(url)
        return (tmp_path / "domain" / url.rpartition("/")[2]).read_bytes()

    found = contacts_by_rdap("example.test", Deadline(10), Registries.read(tmp_path / "rdap.json"), get)
    assert found == ("owner@example.test", "abuse@example.test")
    assert asked == ["https://rdap.registrar.test/domain/example.test"]
    assert {*found, "caa@example.test"} == set(told["mail_host_addresses"])


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "nothing ordered"])
def test_the_filter_files_what_was_ordered_and_nothing_else(tmp_path: Path, *, ordered: bool) -> None:
    role = ANSIBLE / "roles" / "mail_host"
    request = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=www", "-days", "2"]
    subprocess.run([*request, "-keyout", "key", "-out", "certificate"], cwd=tmp_path, check=True, capture_output=True)
    shown = ["openssl", "x509", "-in", "certificate", "-noout", "-fingerprint", "-sha256"]
    answer = subprocess.run(shown, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    digest = answer.strip().rpartition("=")[2].replace(":", "").lower()
    tasks = yaml.safe_load((role / "tasks" / "orders.yml").read_text(encoding="utf-8"))
    written = tasks[1]["ansible.builtin.template"]
    tasks[1] |= {"ansible.builtin.template": {"src": str(role / "templates" / written["src"]), "dest": written["dest"]}}
    tasks[1]["ansible.builtin.template"]["mode"] = "0600"
    del tasks[1]["notify"]
    variables = (role / "vars" / "main.yml").read_text(encoding="utf-8").replace("/etc/dovecot/", f"{tmp_path}/")
    (tmp_path / "vars.yml").write_text(variables)
    name = "certificate" if ordered else "none"
    orders = {"mail_host_user": "owner", "mail_host_orders": [{"host": "localhost", "path": f"{tmp_path}/{name}"}]}
    ran = play(tmp_path, tasks, "-e", json.dumps(orders), vars_files=[str(tmp_path / "vars.yml")])
    assert ran.returncode == 0, ran.stdout
    rules = [line for line in (tmp_path / "owner.sieve").read_text().splitlines() if not line.startswith("#")]
    rule = f'if header :contains "Subject" ["{digest}"] {{ fileinto :create "known"; }}'
    assert rules == ['require ["fileinto", "mailbox"];', *([rule] if ordered else [])]
