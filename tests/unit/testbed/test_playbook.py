"""What is made of Ansible's events: the failure that counts, its message in one line, the port that was in use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from testbed.machine.lab import Lab
from testbed.provision.events import Failure, PlaybookRun, message
from testbed.provision.playbook import _in_use
from tests.unit.testbed.fakes import FakeDriver


def failed(host: str, task: str, **result: object) -> dict[str, Any]:
    return {"event": "runner_on_failed", "event_data": {"host": host, "task": task, "res": result}}


def stats(**counts: dict[str, int]) -> dict[str, Any]:
    known: dict[str, dict[str, int]] = {key: {} for key in ("processed", "ok", "changed", "failures", "dark")}
    return {"event": "playbook_on_stats", "event_data": known | counts}


def test_what_ended_a_host_that_did_not_get_over_it_counts() -> None:
    run = PlaybookRun(lambda _note: None)
    run.hear(failed("alder", "Try", msg="rescued"))
    run.hear(failed("www", "Try", msg="one or more items failed"))
    run.hear(failed("www", "Reload nginx", msg="Unable to reload nginx"))
    run.hear(failed("birch", "Try", msg="later"))
    assert run.failure is None
    run.hear(stats(processed={"alder": 1, "www": 1}, ok={"alder": 3}, failures={"www": 2, "birch": 1}))
    assert str(run.failure) == "task 'Reload nginx' on www: Unable to reload nginx"
    assert (run.hosts, run.ok, run.changed) == (2, 3, 0)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"msg": "Unable to\n  reload"}, "Unable to reload"),
        ({"msg": "non-zero return code", "stderr": "first\nno room\n"}, "non-zero return code: no room"),
        ({"msg": "MODULE FAILURE", "module_stderr": "", "module_stdout": "Killed"}, "MODULE FAILURE: Killed"),
        ({"msg": "same", "stderr": "same"}, "same"),
        ({}, "it said nothing"),
    ],
)
def test_a_message_is_one_line(result: dict[str, str], expected: str) -> None:
    assert message(result) == expected


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("Unable to start service nginx.service: Job failed.", " bind() failed (in use): end what holds it there"),
        ("Unable to start service other.service: Job failed.", ""),
        ("Unable to reload nginx", ""),
    ],
)
def test_a_port_in_use_is_named(fault: str, told: str, tmp_path: Path) -> None:
    def journal(_host: str, command: Sequence[str]) -> list[str]:
        return ["echo", "bind() failed (in use)" if command[-1] == "--unit=nginx.service" else ""]

    driver = FakeDriver(Lab("tiny", labs=tmp_path), command=journal)
    assert _in_use(driver, Failure("www", "Start", fault))[: len(told) or None] == told
