"""What every role promises: described variables, names of its own, no knowledge of groups, marks on what it writes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.protocol.limits import LIMITS
from mecai.vas.config import VasConfig

ANSIBLE = Path(__file__).resolve().parents[3] / "ansible"
ROLES = sorted(path for path in (ANSIBLE / "roles").iterdir())
GROUPS = re.compile(r"\bgroups\b|\bgroup_names\b")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _described(role: Path) -> dict[str, Any]:
    specification: dict[str, Any] = _read(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    return specification


def test_there_are_roles() -> None:
    assert len(ROLES) >= 14


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_variable_is_described_and_is_required_or_has_a_default(role: Path) -> None:
    described, defaults = _described(role), _read(role / "defaults" / "main.yml")
    assert set(defaults) <= set(described)
    assert {name for name, option in described.items() if not option.get("required")} == set(defaults)
    assert all("description" in option for option in described.values())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_variables_bear_the_roles_name(role: Path) -> None:
    assert all(name.startswith(f"{role.name}_") for name in _described(role))
    assert all(name.startswith(f"__{role.name}_") for name in _read(role / "vars" / "main.yml"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_knows_no_group(role: Path) -> None:
    """What lies in `files` is read by other programs: there the word means something else."""
    files = [path for path in role.rglob("*") if path.suffix in {".yml", ".j2"} and path.parent != role / "files"]
    assert not [path for path in files if GROUPS.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_files_on_hosts_say_who_laid_them(role: Path) -> None:
    for template in (role / "templates").glob("*.j2"):
        assert template.read_text(encoding="utf-8").startswith("{{ ansible_managed | comment"), template


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_bears_the_roles_name_and_points_to_its_variables(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {role.name}\n")
    assert "meta/argument_specs.yml" in readme


def test_the_collections_readme_names_every_role() -> None:
    readme = (ANSIBLE / "README.md").read_text(encoding="utf-8")
    assert not [role.name for role in ROLES if f"(roles/{role.name})" not in readme]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_numbers_and_truth_values_are_converted_in_one_place(role: Path) -> None:
    """What comes from the command line is text: "no" is true, and "30" times a number is a longer text."""
    converters = {"int": "int", "bool": "bool"}
    options = {name: converters[o["type"]] for name, o in _described(role).items() if o["type"] in converters}
    private = (role / "vars" / "main.yml").read_text(encoding="utf-8") if options else ""
    others = [path for folder in ("tasks", "handlers", "templates") for path in (role / folder).glob("*")]
    for name, converter in options.items():
        assert f'__{name}: "{{{{ {name} | {converter} }}}}"\n' in private
        assert not [path for path in others if re.search(rf"(?<!_){name}\b", path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_what_a_role_gives_to_another_is_described_there(role: Path) -> None:
    for task in _imports(role):
        described = _described(ANSIBLE / "roles" / task["ansible.builtin.import_role"]["name"].split(".")[-1])
        required = {name for name, option in described.items() if option.get("required")}
        assert required <= set(task["vars"]) <= set(described)


def _imports(role: Path) -> list[dict[str, Any]]:
    """List the tasks that bring in another role."""
    tasks = [task for path in (role / "tasks").glob("*.yml") for task in _read(path)]
    inner = [each for task in tasks for each in task.get("block", [task])]
    return [task for task in inner if "ansible.builtin.import_role" in task]


def test_every_service_comes_from_one_role() -> None:
    services = {
        task["vars"]["service_name"] for role in ROLES for task in _imports(role) if "service_name" in task["vars"]
    }
    beside_servers = {"sidecar", "deliveries", "push", "site"}
    assert services == beside_servers | {"ca", "ocsp", "vas", "vas-signer", "publisher", "agents", "perspective"}
    # Those keep a power that none of its services has: over packets, keys, another's service (test_sandboxes).
    powers = {"voucher_deliveries", "voucher_slots", "voucher_export"}
    assert {path.parent.parent.name for path in ANSIBLE.glob("roles/*/templates/*.service.j2")} == {"service"} | powers


def test_a_vas_may_have_as_many_threads_as_its_requests_at_work_need() -> None:
    """Two for each address of a probe (the handshake, what cuts it off), one for each certificate of a chain."""
    role = ANSIBLE / "roles" / "voucher_authority"
    services = [task["vars"] for task in _imports(role) if "service_tasks_max" in task["vars"]]
    (service, _) = [each for each in services if each["service_name"] == "vas"]
    each = 2 * LIMITS.addresses + LIMITS.intermediates + 1
    http = _read(role / "defaults" / "main.yml")["voucher_authority_threads"]
    assert service["service_tasks_max"] >= 2 * (VasConfig.parallel_requests * each + http)
