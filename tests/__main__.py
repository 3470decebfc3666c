"""`python -m tests [STAGE ...]`: run the checks in their order and close with one summary.

A stage is one or more commands; two stages run side by side. The output of a stage goes to
`build/tests/<stage>.log` and is shown only where it failed. The last line counts test cases over all stages (`N passed,
N failed, N skipped`); a stage without test cases counts as one, and so does one that this machine cannot run, which is
skipped with its reason.
Exit codes: 0 all good, 1 something failed, 2 usage.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from testbed.provision.image import build
from tests.hosts_python.prepare import obstacle

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "tests"
BIN = ROOT / ".venv" / "bin"
COLLECTIONS = ROOT / "build" / "collections"
TAIL_LINES = 60
STAGE_LIMIT_SECONDS = 1800
FUZZ_SECONDS = 6  # for each target; `make fuzz` goes on for longer
FUZZ_SEED = 1  # the same inputs each time: `make fuzz` draws others


def _pytest(name: str, *arguments: str) -> list[str]:
    return [f"{BIN}/python", "-m", "pytest", "-q", f"--junitxml={RESULTS}/{name}.xml", *arguments]


def _link_collection() -> None:
    """Let Ansible find `ansible/` as the collection that it is; a link in the tree itself would make a circle."""
    link = COLLECTIONS / "ansible_collections" / "mecai" / "infrastructure"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "ansible")


def _shell_scripts() -> list[str]:
    names = (".ci", "scripts", "testbed/provision/image", "ansible/roles", "tests/deploy", "docs/examples")
    folders = [ROOT / name for name in names]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if re.match(rb"#!\S*(/env )?\S*sh\b", path.read_bytes()[:40])]


class Lane(Enum):
    """What a stage keeps busy: the code alone, or servers and hosts of this machine, of which there is one set."""

    CODE = "code"
    MACHINE = "machine"


@dataclass(frozen=True)
class Stage:
    """One named group of commands, and why they cannot be run here, if so.

    Two run side by side: a machine has two cores at least, and pytest keeps one of them busy. Those of the machine run
    one after the other.
    """

    name: str
    commands: Sequence[Sequence[str]]
    lane: Lane = Lane.CODE
    obstacle: str = ""


# The protocol's own tests reach nearly every branch of it.
_PROTOCOL = "tests/unit/protocol"
_COVERAGE = ("--cov=mecai.protocol", "--cov-branch", "--cov-report=term-missing:skip-covered", "--cov-fail-under=97")
# What installs packages; it keeps the code's lane busy, since it meets no server of the other lane.
_INSTALLING = tuple(f"tests/integration/test_{name}.py" for name in ("extras", "demo", "pinned_packages"))


def _of_kinds(*kinds: str) -> tuple[str, ...]:
    """Return the tests with real servers whose names begin so, but for those that make the nginx module."""
    folder, two_cannot_at_once = ROOT / "tests/integration", {"test_client_nginx.py"}
    found = sorted({path.name for kind in kinds for path in folder.glob(f"test_{kind}*.py")} - two_cannot_at_once)
    return tuple(f"tests/integration/{name}" for name in found)


# Programs with servers of their own on loopback, both ends of a connection and VASs, keep the code's lane busy, too.
_ENDS = _of_kinds("client", "node_client", "proxy", "server_programs", "sidecar")
_VAS = _of_kinds("database", "perspective", "postgresql", "vas", "voucher_request", "vrp")
# A control machine's Python plays the roles; that of hosts runs their modules, which the lab shows with every role.
# There remain the tests of the collection's own plugins.
_OF_PLUGINS = {"test_host_names.py", "test_whole_runs.py"}

_SERVERS = ("tests/integration/test_stock_servers.py", "tests/integration/nginx_module")


def _plays() -> list[Path]:
    """Return the unit tests that start Ansible."""
    files = sorted((ROOT / "tests/unit/ansible").glob("test_*.py"))
    return [path for path in files if "from tests.unit.ansible.running import" in path.read_text(encoding="utf-8")]


def _hosts_stage() -> Stage:
    """Return the unit tests with the Python of the lab's hosts, in their image, but for plays of roles."""
    name = f"unit-{build.PYTHON}"
    plays = (f"--ignore={path.relative_to(ROOT)}" for path in _plays() if path.name not in _OF_PLUGINS)
    pytest = _pytest(name, "-p", "no:cacheprovider", "tests/unit", *plays)[1:]
    return Stage(name, [[f"{BIN}/python", "-m", "tests.hosts_python", *pytest]], obstacle=obstacle())


def _module_stage() -> Stage:
    """Return the nginx module's own stage; `make module-valgrind` looks for leaks over many more handshakes."""
    make = ["make", "-C", "nginx_module_shim"]
    few = ["HANDSHAKES=300", "RELOADS=5"]
    return Stage("module", [[*make, "sanitize"], [*make, "valgrind", *few]], Lane.MACHINE)


def _servers_stage() -> Stage:
    """Return the tests with servers that differ between Debian 12 and 13, with those of 13, in the hosts' image."""
    pytest = _pytest("servers-13", "-p", "no:cacheprovider", *_SERVERS)[1:]
    enter = [f"{BIN}/python", "-m", "tests.hosts_python", "--with", "requirements/debian-hosts-test.txt"]
    return Stage("servers-13", [[*enter, *pytest]], obstacle=obstacle())


def _deploy_stage() -> Stage:
    """Return the stage that follows the collection's README on plain hosts, as a stranger would."""
    return Stage("deploy", [_pytest("deploy", "tests/deploy")], Lane.MACHINE)


def _fuzz_stage() -> Stage:
    """Return the stage that fuzzes; the fuzzer is made for some processors only."""
    reason = "" if find_spec("atheris") else "there is no fuzzer for this processor"
    return Stage(
        "fuzz",
        [[f"{BIN}/python", "-m", "tests.fuzz", "--seconds", str(FUZZ_SECONDS), "--seed", str(FUZZ_SEED)]],
        obstacle=reason,
    )


def _stages() -> dict[str, Stage]:
    suite = (f"{BIN}/python", "-m", "tests.conformance")
    stages = [
        Stage(
            "lint",
            [
                [f"{BIN}/ruff", "check", "."],
                [f"{BIN}/ruff", "format", "--check", "."],
                [f"{BIN}/lint-imports"],
                [f"{BIN}/yamllint", "--strict", "ansible", "testbed"],
                [f"{BIN}/ansible-lint", "--offline", "--strict", "--profile", "production"],
                ["shellcheck", *_shell_scripts()],
                [f"{BIN}/python", "scripts/room-sizes", "--check"],
                ["make", "-s", "-C", "nginx_module_shim", "lint"],
            ],
        ),
        Stage("types", [[f"{BIN}/mypy"], ["npm", "--prefix", "clients/node", "run", "types"]]),
        Stage("protocol", [_pytest("protocol", _PROTOCOL, *_COVERAGE)]),
        Stage("unit", [_pytest("unit", "tests/unit", f"--ignore={_PROTOCOL}")]),
        Stage(
            "conformance",
            [
                [*suite, "generate", "--check"],
                [*suite, "--strict", "--client", f"{BIN}/python -m tests.conformance.plain"],
                ["npm", "--prefix", "clients/node", "test"],
                [*suite, "--strict", "--client", "node clients/node/conformance.js"],
                [*suite, "mutants", "--every", "10"],
                [*suite, "--strict"],
            ],
        ),
        _fuzz_stage(),
        Stage("vas", [_pytest("vas", *_VAS)]),
        Stage("ends", [_pytest("ends", *_ENDS)]),
        _hosts_stage(),  # by then the lab has made the image
        _servers_stage(),
        Stage("install", [_pytest("install", *_INSTALLING)]),
        Stage("lab", [[f"{BIN}/testbed", "up"], _pytest("lab", "tests/lab")], Lane.MACHINE),
        _module_stage(),
        _deploy_stage(),
        # Needs the lab's image.
        Stage(
            "integration",
            [
                _pytest(
                    "integration", "tests/integration", *(f"--ignore={path}" for path in (*_INSTALLING, *_ENDS, *_VAS))
                )
            ],
            Lane.MACHINE,
        ),
    ]
    return {stage.name: stage for stage in stages}


@dataclass(frozen=True)
class Outcome:
    """What one stage came to: counts of test cases and seconds taken."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def _count(name: str, *, good: bool) -> tuple[int, int, int]:
    """Cases passed, failed, skipped; a failure outside any test case (a crash, a lint) counts as one failed."""
    report = RESULTS / f"{name}.xml"
    if not report.exists():
        said = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*\Z", (RESULTS / f"{name}.log").read_text())
        passed, failed, skipped = map(int, said.groups()) if said else (int(good), 0, 0)
        return passed, failed or int(not good), skipped
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - written by our own pytest a moment ago
    if suite is None:
        return (0, 1, 0)
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    if not good and failed == 0:
        failed = 1
    return (max(total - failed - skipped, 0), failed, skipped)


def _run(stage: Stage, console: Console) -> Outcome:
    if stage.obstacle:
        console.print(f"[bold]{stage.name:<12}[/] left out: {stage.obstacle}")
        return Outcome(stage.name, 0, 0, 1, 0.0)
    log = RESULTS / f"{stage.name}.log"
    (RESULTS / f"{stage.name}.xml").unlink(missing_ok=True)
    console.print(f"[bold]{stage.name:<12}[/] running, log in {log.relative_to(ROOT)}")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    begin = time.monotonic()
    good = True
    with log.open("wb") as out:
        for command in stage.commands:
            out.write(f"$ {' '.join(command)}\n".encode())
            out.flush()
            try:
                done = subprocess.run(
                    command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    timeout=STAGE_LIMIT_SECONDS, check=False, env=environment,
                )  # fmt: skip
                good &= done.returncode == 0
                if done.returncode < 0:
                    out.write(f"ended by {signal.Signals(-done.returncode).name}\n".encode())
            except (OSError, subprocess.TimeoutExpired) as error:
                out.write(f"{error}\n".encode())
                good = False
    if not good:
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    outcome = Outcome(stage.name, *_count(stage.name, good=good), time.monotonic() - begin)
    console.print(f"[bold]{stage.name:<12}[/] {'good' if good else 'failed'}, {outcome.seconds:.0f} s")
    return outcome


def _taken(stages: deque[Stage]) -> Stage | None:
    """Take the next one, if there is any: the other worker may be faster."""
    with suppress(IndexError):
        return stages.popleft()
    return None


def _run_all(stages: Sequence[Stage], console: Console) -> list[Outcome]:
    """Run the stages, two at a time; return their outcomes in the order of the stages.

    One worker runs those of the code, the other those of the machine and then what is left of the code.
    """
    left = {lane: deque(stage for stage in stages if stage.lane is lane) for lane in Lane}
    outcomes: dict[str, Outcome] = {}

    def work(lanes: Sequence[Lane]) -> None:
        while stage := next((taken for lane in lanes if (taken := _taken(left[lane]))), None):
            outcomes[stage.name] = _run(stage, console)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ([Lane.CODE], [Lane.MACHINE, Lane.CODE])))
    return [outcomes[stage.name] for stage in stages]


def main(names: Sequence[str]) -> int:
    """Run the named stages, or all; print the summary; return the exit code."""
    stages = _stages()
    if unknown := [name for name in names if name not in stages]:
        print(f"tests: no stage {unknown[0]!r}; there are: {', '.join(stages)}", file=sys.stderr)  # noqa: T201
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    _link_collection()
    console = Console()
    outcomes = _run_all([stages[name] for name in (names or stages)], console)
    table = Table("stage", "passed", "failed", "skipped", "seconds", title="make test")
    for outcome in outcomes:
        colour = "red" if outcome.failed else "green"
        cells = (str(outcome.passed), str(outcome.failed), str(outcome.skipped), f"{outcome.seconds:.1f}")
        table.add_row(f"[{colour}]{outcome.name}[/]", *cells)
    console.print(table)
    passed, failed, skipped = (sum(getattr(o, key) for o in outcomes) for key in ("passed", "failed", "skipped"))
    console.print(f"{passed} passed, {failed} failed, {skipped} skipped", highlight=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
