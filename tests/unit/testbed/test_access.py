"""From a topology to the files that tools read: held against golden files, which show a reader what is written."""

from pathlib import Path

import pytest
import yaml

from testbed.machine.lab import Lab
from testbed.model import plan, topology
from testbed.provision import access

GOLDEN = Path(__file__).parent / "golden"
TEXT = """
name: golden
zones: {backbone: joins all, hosting: servers, home: clients}
hosts:
  router: {role: router, zone: backbone}
  alder: {role: authority, zone: hosting, names: [vas.alder.test, ocsp.alder.test], vars: {region: north}}
  client: {role: client, zone: home}
"""
LAB = Lab("golden", labs=Path("/state/labs"))
PLAN = plan.make(topology.parse(TEXT, "golden.yml"))


def rendered() -> dict[str, str]:
    joins = {host.name: ["nsenter", "-t", str(number)] for number, host in enumerate(PLAN.topology.hosts, start=100)}
    inventory = access.inventory(LAB, PLAN, Path("/state/mecai.whl"))
    return {
        "ssh_config": access.ssh_config(LAB, joins),
        "inventory.yml": yaml.safe_dump(inventory, sort_keys=False),
        "ansible.cfg": access.ansible_config(LAB),
    }


@pytest.mark.parametrize("name", ["ssh_config", "inventory.yml", "ansible.cfg"])
def test_rendered_file_is_the_golden_one(name: str) -> None:
    assert rendered()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_every_role_of_the_schema_has_a_group() -> None:
    schema = yaml.safe_load((Path(topology.__file__).parent / "topology.schema.yml").read_text(encoding="utf-8"))

    assert set(access.GROUPS) == set(
        schema["properties"]["hosts"]["additionalProperties"]["properties"]["role"]["enum"]
    )
