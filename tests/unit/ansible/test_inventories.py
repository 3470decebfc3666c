"""The lab and the example for a real CA give every role what it requires, and nothing that no role knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.machine.lab import Lab
from testbed.model import plan, reading
from testbed.provision import inventory
from testbed.roles import ROLES as LAB_ROLES

REPOSITORY = Path(__file__).resolve().parents[3]
ROLES = REPOSITORY / "ansible" / "roles"
EXAMPLE = REPOSITORY / "ansible" / "inventories" / "example" / "group_vars"
SMALL = plan.make(reading.load(reading.find("small"), LAB_ROLES))
LAB = inventory.inventory(Lab("small"), SMALL, Path("/mecai.whl"))["all"]
PREFIX = "mecai.infrastructure."


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _plays() -> Iterator[tuple[str, str]]:
    """List each role with each group whose hosts it is for."""
    for playbook in sorted((REPOSITORY / "ansible" / "playbooks").glob("*.yml")):
        for play in _read(playbook):
            for group in play.get("hosts", "").split(":"):
                yield from ((role["role"].removeprefix(PREFIX), group) for role in play.get("roles", ()))


def _options(role: str) -> dict[str, Any]:
    options: dict[str, Any] = _read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    return options


def _given(name: str, group: str) -> Iterator[set[str]]:
    """Give the names of the variables that each host of a group has, for the example of all hosts at once."""
    if name == "example":
        yield set(_read(EXAMPLE / "all.yml")) | set(_read(EXAMPLE / f"{group}.yml"))
    else:
        yield from (set(LAB["vars"]) | set(variables) for variables in LAB["children"][group]["hosts"].values())


@pytest.mark.parametrize("name", ["example", "lab"])
@pytest.mark.parametrize(("role", "group"), sorted(set(_plays())))
def test_required_variables_are_given(name: str, role: str, group: str) -> None:
    required = {option for option, what in _options(role).items() if what.get("required")}
    hosts = list(_given(name, group))
    assert hosts
    assert all(required <= variables for variables in hosts)


def test_given_variables_are_known() -> None:
    known = {option for role in ROLES.iterdir() for option in _options(role.name)}
    given = {variable for path in EXAMPLE.glob("*.yml") for variable in _read(path)}
    given |= {variable for group in LAB["children"] for variables in _given("lab", group) for variable in variables}
    assert not {variable for variable in given - known if not variable.startswith(("ansible_", "lab_"))}
