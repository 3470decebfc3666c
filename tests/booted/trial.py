"""`python3 -m tests.booted.trial ROUNDS STAGE`: the steps, run in the machine by its systemd; its results go to TRIAL.

Only the standard library: at its start the machine has nothing else. A survey before the first lab is compared with one
after each removal.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

TRIAL = Path("/trial")
RESULT = "steps.json"
KINDS = ("mounts", "cgroups", "units", "nspawn", "namespaces", "processes", "files")
# What its first user makes and everybody uses from then on: ip-netns(8) and systemd-nspawn(1) never take it away.
_SHARED = {
    "mounts": {"/run/netns"},
    "units": {"run-netns.mount active"},
    "nspawn": {f"/run/systemd/nspawn/{name}" for name in ("locks", "propagate", "unix-export")},
}
# Ways in which hosts end that nobody asked to: their supervisors, or all of them at once.
_CRASHES = {
    "kill supervisors": "pkill -KILL -x systemd-nspawn",
    "kill hosts": "for group in /sys/fs/cgroup/system.slice/mecai.*.scope; do echo 1 >$group/cgroup.kill; done",
}
_BOUND = 1500  # seconds for one step
_KILLED = "were killed"  # what `down` says of hosts that did not power off

Survey = Mapping[str, Counter[str]]


@dataclass(frozen=True)
class Step:
    """One command: how long it took, how it ended, what was left then (after a removal), and what else was wrong."""

    name: str
    seconds: float
    code: int
    left: Mapping[str, Sequence[str]] = field(default_factory=dict)
    complaints: Sequence[str] = ()

    @property
    def good(self) -> bool:
        """Whether it did what it should and left nothing."""
        return self.code == 0 and not self.complaints and not any(self.left.values())


def survey() -> Survey:
    """List what is there, of each kind."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    states = "--state=active,activating,deactivating,reloading,failed"
    listing = ["systemctl", "list-units", "--all", "--plain", "--no-legend", states]
    units = [line.split() for line in subprocess.check_output(listing, text=True).splitlines()]
    found = {
        "mounts": mounts,
        "cgroups": _below("/sys/fs/cgroup", files=False),
        "units": [f"{unit[0]} {unit[2]}" for unit in units],
        "nspawn": _below("/run/systemd/nspawn"),
        "namespaces": _below("/run/netns"),
        "processes": _processes(),
        "files": _below("/run/mecai-testbed/locks")
        + [str(path) for path in Path("/var/lib/mecai-testbed").glob("*/*")],
    }
    return {kind: Counter(names) for kind, names in found.items()}


def compare(before: Survey, after: Survey) -> dict[str, list[str]]:
    """Name what is there now and was not, but for what every user of the machine shares."""
    return {kind: sorted(set(after[kind] - before[kind]) - _SHARED.get(kind, set())) for kind in KINDS}


def _below(folder: str, *, files: bool = True) -> list[str]:
    tree = [(where, [*folders, *(names if files else [])]) for where, folders, names in os.walk(folder)]
    return [str(Path(where) / name) for where, names in tree for name in names]


def _processes() -> list[str]:
    """List the command lines of all processes but this one; kernel threads are not seen in a container."""
    said = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:  # it has just ended
            continue
        if process.name != str(os.getpid()):
            said.append(" ".join(words).strip() or f"ended, not reaped: {process.name}")
    return said


class Trial:
    """Runs the steps, and writes down each as soon as it is done."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.before: Survey = {}

    def step(self, name: str, *command: str, removes: bool = False) -> None:
        """Run a command; if it removes the lab, look what it left."""
        started = time.monotonic()
        log = TRIAL / f"{len(self.steps) + 1}-{name.replace(' ', '-')}.log"
        with log.open("w") as sink:
            ran = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, timeout=_BOUND, check=False)
        seconds = time.monotonic() - started
        said = log.read_text().splitlines()
        complaints = [line for line in said if _KILLED in line] + (said[-1:] if ran.returncode else [])
        left = compare(self.before, survey()) if removes else {}
        self.steps.append(Step(name, seconds, ran.returncode, left, complaints))
        (TRIAL / RESULT).write_text(json.dumps([asdict(step) for step in self.steps]))
        if ran.returncode:  # what follows would remove the lab and with it the cause
            shutil.copytree("/var/lib/mecai-testbed/labs/small/logs", TRIAL / "logs", dirs_exist_ok=True)
            sys.exit(ran.returncode)

    def play(self, rounds: int, until: str) -> None:
        """Make the lab as a stranger does, twice; then take it down and up again and again."""
        program = ".venv/bin/testbed"
        self.step("make deps", "make", "deps")
        self.before = survey()
        self.step("make lab", "make", "lab")
        self.step("down", program, "down", removes=True)
        self.step("make lab again", "make", "lab")
        for number in range(1, rounds + 1):
            self.step(f"down {number}", program, "down", removes=True)
            self.step(f"up {number}", program, "up", "--until", until)
        for name, command in _CRASHES.items():
            self.step(name, "sh", "-ec", command)
            self.step(f"{name}: up", program, "up", "--until", "hosts")
            self.step(f"{name} again", "sh", "-ec", command)
            self.step(f"{name} again: down", program, "down", removes=True)
            self.step(f"{name}: new", program, "up", "--until", "hosts")
        self.step("last down", "make", "lab-down", removes=True)


if __name__ == "__main__":
    Trial().play(int(sys.argv[1]), sys.argv[2])
