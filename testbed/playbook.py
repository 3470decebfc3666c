"""Converge the lab's hosts: run `converge/site.yml` with Ansible and read from its recap what it changed."""

import re
import shutil
import sys
from pathlib import Path

from mecai.protocol.errors import HostError
from testbed import tools
from testbed.lab import Lab
from testbed.limits import LIMITS
from testbed.stages import Note

SITE = Path(__file__).parent / "converge" / "site.yml"
_TASK = re.compile(r"TASK \[(.*)\]")
_RECAP = re.compile(r"(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")
_FAULT = re.compile(r"(?:fatal|failed): \[([^\]]+)\]")


def run(lab: Lab, note: Note) -> str:
    """Run the playbook; returns the recap's sum. Raises `HostError` that names the task and the host that failed."""
    task, fault = "", ""
    recap: dict[str, tuple[int, int]] = {}

    def read(line: str) -> None:
        nonlocal task, fault
        if found := _TASK.match(line):
            task = found[1]
            note(task)
        elif found := _FAULT.match(line):
            fault = fault or f"task {task!r} on {found[1]}"
        elif found := _RECAP.match(line):
            recap[found[1]] = int(found[2]), int(found[3])

    try:
        tools.run_logged(
            [_program(), SITE],
            lab.log("converge"),
            seconds=LIMITS.converge_seconds,
            environment={"ANSIBLE_CONFIG": str(lab.ansible_config), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
            on_line=read,
        )
    except HostError as error:
        raise HostError(f"{fault}: {error}" if fault else str(error)) from error
    ok = sum(ok for ok, _ in recap.values())
    changed = sum(changed for _, changed in recap.values())
    return f"{len(recap)} hosts, ok={ok} changed={changed}"


def _program() -> Path:
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = beside if beside.exists() else shutil.which("ansible-playbook")
    if not found:
        raise HostError("ansible-playbook: not found: install the packages of requirements/dev.txt in this environment")
    return Path(found)
