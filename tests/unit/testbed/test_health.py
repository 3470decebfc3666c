"""How the answers of a host's promises become one word, and what is wrong becomes one line."""

import subprocess
import threading
from pathlib import Path

import pytest

from testbed.drivers.driver import State
from testbed.lifecycle import health
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.model import plan, reading
from testbed.roles import ROLES
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.laid import INTERNET

SMALL = plan.make(reading.load(reading.find("small"), ROLES))


def test_every_host_promises_that_its_units_run_and_then_what_its_role_does() -> None:
    found = [check.promise for check in health.checks(SMALL, SMALL.topology.host("alder"))]
    assert found == ["no unit failed", "the VAS is ready", "the OCSP responder is ready"]


@pytest.mark.parametrize(
    ("state", "command", "expected"),
    [
        ("running", "true", "healthy"),
        ("running", "false", "degraded"),
        ("stopped", "true", "down"),
        ("orphaned", "true", "down"),
    ],
)
def test_health_is_one_of_three_words(state: State, command: str, expected: str, tmp_path: Path) -> None:
    states = {host.name: state for host in SMALL.topology.hosts}
    driver = FakeDriver(Lab("small", labs=tmp_path), states, lambda _host, _command: [command])

    statuses = health.observe(driver, SMALL)

    assert {status.health for status in statuses} == {expected}
    assert all(bool(status.problems) is (expected != "healthy") for status in statuses)


def test_a_broken_promise_says_what_was_said_and_how_to_see_it(tmp_path: Path) -> None:
    def command(_host: str, words: object) -> list[str]:
        return ["sh", "-c", "echo inactive; exit 3"] if "nginx.service" in str(words) else ["true"]

    statuses = health.observe(FakeDriver(Lab("small", labs=tmp_path), command=command), SMALL)

    problem, *others = (problem for status in statuses for problem in status.problems)
    assert {(each.promise, each.said) for each in (problem, *others)} == {("nginx runs", "inactive")}
    assert problem.command == "testbed exec --lab small www -- systemctl is-active nginx.service"


def test_few_hosts_are_asked_at_once_however_many_there_are(tmp_path: Path) -> None:
    asking: set[int] = set()

    def command(_host: str, _words: object) -> list[str]:
        asking.add(threading.get_ident())
        return ["true"]

    statuses = health.observe(FakeDriver(Lab("internet", labs=tmp_path), command=command), INTERNET)

    assert len(statuses) == len(INTERNET.topology.hosts) > 2 * LIMITS.health_hosts_at_once
    assert len(asking) <= LIMITS.health_hosts_at_once


def test_what_is_wrong_fits_one_line() -> None:
    problem = health.BrokenPromise("the VAS is ready", "curl: (22) 500", "testbed exec alder -- curl")
    statuses = [
        health.HostStatus("alder", "authority", "ca-alder", "running", "degraded", ("", ""), (problem,)),
        health.HostStatus("www", "tls_server", "hosting", "running", "healthy", ("", ""), ()),
    ]
    assert health.describe(statuses) == "1 of 2 hosts do not do what they promise: alder (the VAS is ready)"


@pytest.mark.parametrize(
    ("state", "failed", "expected"),
    [
        ("running", "", (0, "")),
        ("degraded", "nginx.service loaded failed failed A web server\nknot.service loaded failed failed DNS\n",
         (1, "degraded: nginx.service knot.service\n")),
        ("starting", "", (1, "starting\n")),
    ],
)  # fmt: skip
def test_a_unit_that_failed_is_named(state: str, failed: str, expected: tuple[int, str], tmp_path: Path) -> None:
    program = tmp_path / "systemctl"
    code = int(state != "running")
    program.write_text(f"#!/bin/sh\n[ $1 = list-units ] && printf '{failed}' && exit\necho {state}\nexit {code}\n")
    program.chmod(0o755)
    check = next(iter(health.checks(SMALL, SMALL.topology.host("www"))))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(check.command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == expected
    assert check.look == ["systemctl", "--failed"]
