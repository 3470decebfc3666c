"""Converge the lab's hosts: run `converge/site.yml` with Ansible and read from its recap what it changed."""

import re
import shutil
import sys
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note

SITE = Path(__file__).parent / "converge" / "site.yml"
_TASK = re.compile(r"TASK \[(?:[\w.]+ : )?(.*)\]")
_RECAP = re.compile(r"(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")
_ERROR = re.compile(r"\[ERROR\]: (?:Task failed: )?(.*)")
_SERVICE = re.compile(r"Unable to (?:re)?start service (\S+):")
_FATAL = re.compile(r"(?:fatal|failed): \[([^\]]+)\].*?: (.*)")


class TaskError(HostError):
    """A task that failed on a host of the lab, whose journal is the next thing to look at."""

    def __init__(self, lab: Lab, host: str, fault: str) -> None:
        super().__init__(fault)
        self._look = f"testbed exec {host} --lab {lab.id} -- journalctl --boot --lines=50"

    def diagnostics(self) -> str:
        """Return the command to look further."""
        return self._look


class Reader:
    """Reads Ansible's output line by line: the task at work, the first failure, the recap."""

    def __init__(self, note: Note) -> None:
        self.fault = self.host = ""
        self.ok = self.changed = self.hosts = 0
        self._note = note
        self._task = self._error = ""

    def read(self, line: str) -> None:
        """Take one line."""
        if found := _TASK.match(line):
            self._task, self._error = found[1], ""
            self._note(self._task)
        elif found := _ERROR.match(line):
            self._error = self._error or found[1]
        elif found := _FATAL.match(line):
            if not self.fault:
                self.host, self.fault = found[1], f"task {self._task!r} on {found[1]}: {self._error or found[2]}"
        elif line.startswith("...ignoring"):
            self.fault = ""
        elif found := _RECAP.match(line):
            self.hosts += 1
            self.ok += int(found[2])
            self.changed += int(found[3])


def run(driver: Driver, note: Note) -> str:
    """Run the playbook; returns the recap's sum. Raises `HostError` that names the task and the host that failed."""
    reader, lab = Reader(note), driver.lab
    environment = {"ANSIBLE_CONFIG": str(lab.ansible_config), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    log = lab.log("converge")
    try:
        tools.run_logged(
            [_program(), SITE], log, seconds=LIMITS.converge_seconds, environment=environment, on_line=reader.read
        )
    except HostError as error:
        if not reader.fault:
            raise
        raise TaskError(lab, reader.host, f"{reader.fault}{_in_use(driver, reader.host, reader.fault)}") from error
    return f"{reader.hosts} hosts, ok={reader.ok} changed={reader.changed}"


def _in_use(driver: Driver, host: str, fault: str) -> str:
    """Say which port or address was in use, when that kept a service of the host from starting."""
    service = _SERVICE.search(fault)
    if not service:
        return ""
    question = [
        "journalctl",
        "--boot",
        "--quiet",
        "--output=cat",
        "--lines=1",
        "--grep= in use",
        f"--unit={service[1]}",
    ]
    said = tools.answer(driver.enter(host, question))
    return f" {said}: end what holds it there (ss --listening --processes)" if said else ""


def _program() -> Path:
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = beside if beside.exists() else shutil.which("ansible-playbook")
    if not found:
        raise HostError("ansible-playbook: not found: install the packages of requirements/dev.txt in this environment")
    return Path(found)
