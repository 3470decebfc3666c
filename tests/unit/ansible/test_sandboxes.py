"""Every unit that a role installs, as Ansible writes it and systemd judges it: how exposed, and by what bounded."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

# systemd-analyze's scale goes from 0 (SAFE) to 10; a service without any sandbox gets 9.6.
EXPOSURE_LIMIT = 1.5
# ... and what no stranger reaches, or what holds a key that opens another host.
OWN_LIMITS = {"mecai-deliveries-closed": 1.2, "mecai-push": 1.2, "mecai-export-www": 1.2, "mecai-site": 1.2}
ROLES = sorted((ANSIBLE / "roles").iterdir())
# Units that roles write without the role `service`.
OWN_UNITS: dict[str, tuple[str, dict[str, Any]]] = {
    "mecai-deliveries-closed": ("voucher_deliveries/templates/closed.service.j2", {}),
    "mecai-export-www": ("voucher_export/templates/export.service.j2", {"file": {"name": "www", "path": "/etc/x/y"}}),
    "mecai-slot-www": ("voucher_slots/templates/slot.service.j2", {"slot": {"name": "www"}}),
    "mecai-failover-www": ("voucher_slots/templates/failover.service.j2", {"slot": {"name": "www"}}),
}
TEMPLATE = ANSIBLE / "roles" / "service" / "templates" / "unit.service.j2"
IMPORT = "ansible.builtin.import_role"


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _services() -> Iterator[dict[str, Any]]:
    """Give the variables of each service with a unit that a role imports, those of the way to run it left out."""
    for role in ROLES:
        tasks = [task for path in sorted((role / "tasks").glob("*.yml")) for task in _read(path)]
        imports = [inner for task in tasks for inner in task.get("block", [task]) if IMPORT in inner]
        for task in imports:
            named = task[IMPORT]["name"] == "mecai.infrastructure.service" and "tasks_from" not in task[IMPORT]
            if named and task["vars"].get("service_command"):
                yield task["vars"]


def _unit(service: dict[str, Any]) -> str:
    return str(service.get("service_unit", f"mecai-{service['service_name']}"))


def _variables() -> dict[str, Any]:
    """Return the variables of all roles, and a word for each that an inventory has to give."""
    found: dict[str, Any] = {}
    for role in ROLES:
        options = _read(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})
        found |= {name: "name.example.test" for name, option in options.items() if option.get("required")}
        found |= _read(role / "defaults" / "main.yml") | _read(role / "vars" / "main.yml")
    return found


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write all units in one run; return their files by name."""
    folder = tmp_path_factory.mktemp("units")
    tasks: list[dict[str, Any]] = []
    found = [(_unit(service), TEMPLATE, service) for service in _services()]
    found += [(name, ANSIBLE / "roles" / path, variables) for name, (path, variables) in OWN_UNITS.items()]
    for name, template, variables in found:
        said = f"{{{{ written | combine({{'{name}': lookup('ansible.builtin.template', '{template}')}}) }}}}"
        tasks.append({"name": name, "ansible.builtin.set_fact": {"written": said}, "vars": variables})
    content = {"content": "{{ written | to_json }}", "dest": f"{folder}/all.json", "mode": "0600"}
    tasks.append({"name": "Write", "ansible.builtin.copy": content})
    ran = play(folder, tasks, vars=_variables() | {"written": {}})
    assert ran.returncode == 0, ran.stdout
    files = {}
    for name, text in json.loads((folder / "all.json").read_text()).items():
        files[name] = folder / f"{name}.service"
        files[name].write_text(text)
    return files


def test_all_are_found(units: dict[str, Path]) -> None:
    assert units.keys() >= {
        *("mecai-vas", "mecai-vas-signer", "mecai-vas-worker", "mecai-vas-metrics", "mecai-vas-contexts"),
        *("mecai-ocsp", "mecai-ca-publish", "mecai-sidecar", "mecai-push", "mecai-perspective", "mecai-site"),
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_no_unit_is_exposed(units: dict[str, Path]) -> None:
    exposed = {name: _exposure(path) for name, path in units.items()}
    assert {name: seen for name, seen in exposed.items() if seen > OWN_LIMITS.get(name, EXPOSURE_LIMIT)} == {}


def test_the_signer_alone_sees_users_and_it_sees_no_network(units: dict[str, Path]) -> None:
    lines = {name: set(path.read_text().splitlines()) for name, path in units.items()}
    assert [name for name, unit in lines.items() if "PrivateUsers=no" in unit] == ["mecai-vas-signer"]
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= lines["mecai-vas-signer"]


def test_a_delivery_lays_chains_outside_the_folder_of_its_key(units: dict[str, Path]) -> None:
    lines = units["mecai-push"].read_text().splitlines()
    written = [line for line in lines if line.startswith("ReadWritePaths=")]
    assert written == ["ReadWritePaths=/var/lib/mecai-push-chains"]
    assert {"StateDirectory=mecai-push", "StateDirectoryMode=0700", "ProtectSystem=strict"} <= set(lines)


def test_every_unit_has_bounds_and_leaves_nothing_behind_when_it_crashes(units: dict[str, Path]) -> None:
    for path in units.values():
        unit = path.read_text()
        assert re.search(r"^MemoryMax=\d+[MG]$", unit, re.MULTILINE), path
        assert re.search(r"^TasksMax=\d+$", unit, re.MULTILINE), path
        assert {"MemorySwapMax=0", "LimitCORE=0"} <= set(unit.splitlines()), path


def test_whatever_is_started_again_is_so_however_often() -> None:
    """Systemd starts a unit five times in ten seconds, and then no more, whoever asks (systemd.unit(5))."""
    again = [path for role in ROLES for path in role.glob("templates/*.j2") if "\nRestart=" in path.read_text()]
    assert {path.parts[-3] for path in again} >= {"bgp_router", "nginx", "postgresql", "service"}
    assert [path for path in again if "\nStartLimitIntervalSec=0\n" not in path.read_text()] == []


def _exposure(unit: Path) -> float:
    """Return what systemd-analyze(1) says of a unit that no systemd has loaded."""
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (level,) = re.findall(r"^→ Overall exposure level for \S+: ([\d.]+) ", said.stdout, re.MULTILINE)
    return float(level)
