"""Values from the command line are text; every role makes of them what its argument specs say, by Ansible itself."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.unit.ansible.running import ANSIBLE, play

GIVEN: dict[str, tuple[str, Any]] = {"int": ("3", 3), "bool": ("no", False)}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _typed() -> dict[str, str]:
    """Name the type of every number and truth value that any role takes."""
    found = {}
    for path in ANSIBLE.glob("roles/*/meta/argument_specs.yml"):
        options = _read(path)["argument_specs"]["main"]["options"]
        found |= {name: option["type"] for name, option in options.items() if option["type"] in GIVEN}
    return found


def test_no_means_no_and_three_is_a_number(tmp_path: Path) -> None:
    typed = _typed()
    assert {"tls_server_voucher", "certificate_renew_before_days", "service_tasks_max"} <= set(typed)
    files = [str(path) for path in sorted(ANSIBLE.glob("roles/*/vars/main.yml"))]
    seen = tmp_path / "seen.json"
    content = "{{ {" + ", ".join(f"'{name}': __{name}" for name in typed) + "} | to_json }}"
    task = {"name": "Write", "ansible.builtin.copy": {"content": content, "dest": str(seen), "mode": "0600"}}
    options = [word for name, kind in typed.items() for word in ("-e", f"{name}={GIVEN[kind][0]}")]
    ran = play(tmp_path, [task], *options, vars_files=files)
    assert ran.returncode == 0, ran.stdout
    assert json.loads(seen.read_text()) == {name: GIVEN[kind][1] for name, kind in typed.items()}
