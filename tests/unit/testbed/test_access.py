"""From a topology to the files that tools read: held against golden files, which show a reader what is written."""

from pathlib import Path

import ansible_mitogen
import pytest
import yaml

from testbed.machine.lab import REPOSITORY, Lab
from testbed.model import plan, reading
from testbed.provision import access, inventory
from testbed.roles import ROLES
from tests.unit.testbed.fakes import FakeDriver

GOLDEN = Path(__file__).parent / "golden"
TEXT = """
name: golden
zones: {backbone: joins all, hosting: servers, home: clients}
hosts:
  router: {role: router, zone: backbone}
  alder: {role: authority, zone: hosting, vars: {certificate_authority_region: north}}
  www: {role: tls_server, zone: hosting, names: [www.example.test]}
  client: {role: client, zone: home}
  birch: {role: authority, zone: hosting, vars: {database: postgresql}}
  vendor: {role: vendor, zone: backbone}
"""
LAB = Lab("golden", labs=Path("/state/labs"))
PLAN = plan.make(reading.parse(TEXT, "golden.yml", ROLES))


def rendered() -> dict[str, str]:
    connections = {host.name: ["nsenter", "-t", str(pid)] for pid, host in enumerate(PLAN.topology.hosts, start=100)}
    found = yaml.safe_dump(inventory.inventory(LAB, PLAN, Path("/state/mecai.whl")), sort_keys=False)
    mitogen = str(Path(ansible_mitogen.__file__).parent)
    settings = inventory.ansible_config(LAB).replace(mitogen, "/ansible_mitogen")
    return {
        "ssh_config": access.ssh_config(LAB, connections),
        "inventory.yml": found.replace(str(REPOSITORY), "/checkout"),
        "ansible.cfg": settings,
    }


@pytest.mark.parametrize("name", ["ssh_config", "inventory.yml", "ansible.cfg"])
def test_rendered_file_is_the_golden_one(name: str) -> None:
    assert rendered()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_the_topologys_variables_win_over_the_roles() -> None:
    alder = inventory.inventory(LAB, PLAN, Path("/w"))["all"]["children"]["authorities"]["hosts"]["alder"]
    assert alder["certificate_authority_region"] == "north"


def test_a_lab_that_is_written_is_reached_with_the_keys_that_its_hosts_have(tmp_path: Path) -> None:
    lab = Lab("golden", labs=tmp_path)
    access.write(FakeDriver(lab), ["alder", "www"])
    assert lab.ssh_config.with_name("known_hosts").read_text() == "alder ssh-ed25519 alder\nwww ssh-ed25519 www\n"
    assert "Host www\n  ProxyCommand join www /usr/sbin/sshd -i\n" in lab.ssh_config.read_text()
