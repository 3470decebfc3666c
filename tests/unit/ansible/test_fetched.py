"""What a run fetches or delivers is no change of a host: a timer does the same, and who came first is chance."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from mecai.cli.show.sidecar import document
from mecai.sidecar.standing import StapleStatus, State
from tests.pki import NOW
from tests.unit.ansible.running import ANSIBLE, play

HELD: Final = StapleStatus("www.example.org", "voucher", "vas.example.net", State.MISSING, "on hold until then")
FETCHED: Final = StapleStatus("www.example.org", "voucher", "vas.example.net", State.GOOD, "", NOW, NOW)
ROUND: Final = json.dumps({"healthy": False, "items": [document(row, NOW) for row in (HELD, FETCHED)]}, indent=2)
DELIVERY: Final = json.dumps(
    {"written": 3, "unchanged": 1, "refused": 1, "reasons": ["x"], "chains": {"renewed": ["/www.pem"]}}, indent=2
)
# Of each task that brings what a timer brings too: where it is, its name, what the program says, and with which code.
TASKS: Final = (
    ("voucher_sidecar/tasks/main.yml", "Fetch the first vouchers", ROUND, 1),
    ("voucher_push/tasks/deliver.yml", "Deliver what is there", DELIVERY, 1),
    ("voucher_authority/tasks/contexts.yml", "Fetch now", "MOZ: fetched; number 7", 0),
)


def task_of(folder: Path, file: str, name: str, said: str, code: int) -> dict[str, Any]:
    """Return a role's task, for the user who runs the tests, with a program that says this."""
    tasks = yaml.safe_load((ANSIBLE / "roles" / file).read_text(encoding="utf-8"))
    every = [inner for task in tasks for inner in (task, *task.get("block", []))]
    (task,) = (each for each in every if each.get("name") == name)
    program = folder / name.replace(" ", "-")
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    command = task["ansible.builtin.command"] | {"argv": [str(program)]}
    if "creates" in command:
        command["creates"] = command["creates"].replace("/var/lib/mecai-sidecar", str(folder))
    return {word: each for word, each in task.items() if not word.startswith("become")} | {
        "ansible.builtin.command": command
    }


def test_what_was_brought_is_no_change(tmp_path: Path) -> None:
    ran = play(tmp_path, [task_of(tmp_path, *each) for each in TASKS])
    assert ran.returncode == 0, ran.stdout
    assert f"ok={len(TASKS)}    changed=0 " in ran.stdout


@pytest.mark.parametrize("at", [0, 1])
def test_a_program_that_fails_ends_the_run(tmp_path: Path, at: int) -> None:
    """Exit code 1 is a round, or a delivery, of which some was refused; any other is none."""
    file, name, said, _ = TASKS[at]
    ran = play(tmp_path, [task_of(tmp_path, file, name, said, 3)])
    assert ran.returncode != 0
    assert "failed=1 " in ran.stdout


def test_where_there_is_a_voucher_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "staples" / "site").mkdir(parents=True)
    (tmp_path / "staples" / "site" / "va.voucher").touch()
    file, name, said, _ = TASKS[0]
    ran = play(tmp_path, [task_of(tmp_path, file, name, said, 3)])
    assert ran.returncode == 0, ran.stdout
