"""What each role is asked, and how the answers become one word."""

import pytest

from mecai.errors import HostError
from testbed.drivers.nspawn import hosts
from testbed.lifecycle import health
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.model import plan, topology

SMALL = plan.make(topology.load(topology.find("small")))


def promises(host: str) -> list[str]:
    return [check.promise for check in health.checks(SMALL, SMALL.topology.host(host))]


def test_every_role_has_its_checks() -> None:
    assert promises("client") == promises("vendor") == promises("attacker") == ["no unit failed"]
    assert promises("alder") == ["no unit failed", "the VAS is ready", "the OCSP responder is ready"]
    assert "has fresh vouchers to staple" in promises("www")
    assert [word.split()[0] for word in promises("router")] == ["no", "resolves", "resolves", "forwards", "forwards"]


def test_forwarding_is_tried_from_one_zone_to_another() -> None:
    for check in health.checks(SMALL, SMALL.topology.router):
        if check.promise.startswith("forwards"):
            leg = SMALL.legs[check.on][0]
            assert check.on != "router"
            assert check.command[-1] not in {str(leg.ipv4.ip), str(leg.ipv6.ip)}


@pytest.mark.parametrize(
    ("state", "fault", "expected"),
    [
        ("running", "", "healthy"),
        ("running", "exit code 3: inactive", "degraded"),
        ("stopped", "", "down"),
        ("orphaned", "", "down"),
    ],
)
def test_health_is_one_of_three_words(state: str, fault: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_arguments: object, **_options: object) -> str:
        if fault:
            raise HostError(fault)
        return ""

    monkeypatch.setattr(hosts, "state", lambda _lab, _host: state)
    monkeypatch.setattr(hosts, "enter", lambda _lab, _host, argv: argv)
    monkeypatch.setattr(tools, "run", run)

    statuses = health.observe(Lab("small"), SMALL)

    assert {status.health for status in statuses} == {expected}
    assert all(bool(status.problems) is (expected != "healthy") for status in statuses)


def test_what_is_wrong_fits_one_line() -> None:
    problem = health.Problem("the VAS is ready", "curl: (22) 500", "testbed exec alder -- curl")
    statuses = [
        health.Status("alder", "authority", "ca-alder", "running", "degraded", ("", ""), (problem,)),
        health.Status("www", "tls_server", "hosting", "running", "healthy", ("", ""), ()),
    ]
    assert health.describe(statuses) == "1 of 2 hosts do not do what they promise: alder (the VAS is ready)"
