"""A directory is signed of what its authorities say; a check may come before one of them is there."""

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "directory_publisher"


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_only_a_check_passes_over_an_authority_that_is_still_to_be_made(
    tmp_path: Path, option: tuple[str, ...]
) -> None:
    text = (ROLE / "tasks" / "main.yml").read_text().replace("become: true", "become: false")
    (block,) = [task["block"] for task in yaml.safe_load(text) if "block" in task]
    tasks = [task for task in block if "ansible.builtin.command" in task or "ansible.builtin.shell" in task][1:]
    tasks.append({"name": "See", "ansible.builtin.debug": {"msg": "{{ __directory_publisher_current is skipped }}"}})
    given = {"directory_publisher_authorities": ["localhost"], "__directory_publisher_state": str(tmp_path)}
    files = [f"{ROLE}/{part}/main.yml" for part in ("defaults", "vars")]
    ran = play(tmp_path, tasks, "-e", json.dumps(given), *option, vars_files=files)
    assert (ran.returncode == 0) is bool(option)
    assert ('"msg": true' in ran.stdout.lower()) is bool(option)
