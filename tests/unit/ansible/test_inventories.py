"""The lab and the example for a real CA give every role what it requires, and nothing that no role knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
ROLES = REPOSITORY / "ansible" / "roles"
INVENTORIES = {
    "example": REPOSITORY / "ansible" / "inventories" / "example" / "group_vars",
    "lab": REPOSITORY / "testbed" / "provision" / "converge" / "group_vars",
}
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


@pytest.mark.parametrize("name", INVENTORIES)
@pytest.mark.parametrize(("role", "group"), sorted(set(_plays())))
def test_required_variables_are_given(name: str, role: str, group: str) -> None:
    variables = set(_read(INVENTORIES[name] / "all.yml")) | set(_read(INVENTORIES[name] / f"{group}.yml"))
    assert {option for option, what in _options(role).items() if what.get("required")} <= variables


@pytest.mark.parametrize("name", INVENTORIES)
def test_given_variables_are_known(name: str) -> None:
    known = {option for role in ROLES.iterdir() for option in _options(role.name)}
    given = {variable for path in INVENTORIES[name].glob("*.yml") for variable in _read(path)}
    assert not {variable for variable in given - known if not variable.startswith(("ansible_", "lab_"))}
