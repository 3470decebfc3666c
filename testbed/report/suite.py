"""The tests of the hosts, `tests/lab` of a checkout: pytest runs them as a program of its own.

Nothing is imported from there: an installed wheel has no tests, and says so instead.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.lab import REPOSITORY, Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note
from testbed.report.outcome import Case, State, Suite

TESTS: Final = REPOSITORY / "tests" / "lab"
_PACKAGES: Final = {"pytest": "pytest", "testinfra": "pytest-testinfra"}
_STATES: Final = {"failure": State.DIFFERENT, "error": State.BROKEN, "skipped": State.LEFT_OUT}


def obstacle(tests: Path = TESTS) -> str:
    """Say why the tests cannot be run here, empty when they can."""
    if not tests.is_dir():
        return "the tests of the hosts are in a checkout only, and this is an installed package"
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    return f"not installed: {' '.join(missing)}: make deps" if missing else ""


def run(lab: Lab, folder: Path, note: Note, tests: Path = TESTS) -> Suite:
    """Run the tests on a lab, their log and report into a folder; what fails is told by the result, never raised."""
    if reason := obstacle(tests):
        return Suite((), State.LEFT_OUT, reason)
    report, log = folder / "testinfra.xml", folder / "testinfra.log"
    report.unlink(missing_ok=True)
    pytest = [sys.executable, "-P", "-m", "pytest", "--verbose", "--color=no", "-p", "no:cacheprovider"]
    command = [*pytest, f"--junitxml={report}", str(tests)]
    try:
        environment = {"MECAI_LAB": lab.id}
        tools.run_logged(command, log, seconds=LIMITS.suite_seconds, environment=environment, on_line=_noted(note))
        return Suite(tuple(read(report)))
    except HostError as error:
        return _failed(report, f"{error}; log {log}")
    finally:
        report.unlink(missing_ok=True)  # `verify.xml` has it all; a CI that takes every report would count it twice


def read(report: Path) -> Iterator[Case]:
    """Read pytest's JUnit report; raises `HostError` for one that is none."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - written by our own pytest a moment ago
    except (OSError, ET.ParseError) as error:
        raise HostError(f"{report}: no report of pytest: {error}") from error
    yield from map(_case, root.iter("testcase"))


def _failed(report: Path, reason: str) -> Suite:
    """Tell tests that failed, which are the result, from a run that came to no result."""
    try:
        cases = tuple(read(report))
    except HostError:
        cases = ()
    if any(case.state in {State.DIFFERENT, State.BROKEN} for case in cases):
        return Suite(cases)
    return Suite(cases, State.BROKEN, reason)


def _case(element: ET.Element) -> Case:
    module, name, seconds = (element.get(key, "") for key in ("classname", "name", "time"))
    for child in element:
        if state := _STATES.get(child.tag):
            said = child.text or child.get("message") or ""
            return Case(module, name, state, float(seconds or 0), said[-LIMITS.said_characters :])
    return Case(module, name, State.GOOD, float(seconds or 0))


def _noted(note: Note) -> Note:
    """Show each test's line, without the folder that all are in."""
    return lambda line: note(line.strip().rpartition("/")[2])
