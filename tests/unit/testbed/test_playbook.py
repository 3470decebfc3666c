"""What is read from Ansible's output: progress, the sum of its recap, and the failure that ended it."""

import pytest

from testbed.drivers.nspawn import hosts
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.provision.playbook import Reader, TaskError, _in_use

GOOD = """
TASK [mecai.infrastructure.resolver : Install unbound] ***
ok: [router]
TASK [Lay a file] ***
changed: [www]
PLAY RECAP ***
router                     : ok=3    changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
www                        : ok=4    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
"""
BAD = """
TASK [mecai.infrastructure.nginx : Reload nginx] ***
[ERROR]: Task failed: Module failed: Unable to reload nginx
Origin: roles/nginx/tasks/main.yml:31:3
fatal: [www]: FAILED! => {"changed": false, "msg": "Unable to reload nginx"}
fatal: [alder]: FAILED! => {"changed": false, "msg": "another"}
"""

_UNIT = "--unit=nginx.service"


def read(text: str) -> tuple[Reader, list[str]]:
    notes: list[str] = []
    reader = Reader(notes.append)
    for line in text.splitlines():
        reader.read(line)
    return reader, notes


def test_tasks_are_progress_and_the_recap_is_summed() -> None:
    reader, notes = read(GOOD)
    assert notes == ["Install unbound", "Lay a file"]
    assert (reader.hosts, reader.ok, reader.changed, reader.fault) == (2, 7, 2, "")


def test_the_first_failure_is_told_with_task_and_host() -> None:
    reader, _ = read(BAD)
    assert reader.fault == "task 'Reload nginx' on www: Module failed: Unable to reload nginx"
    assert reader.host == "www"


def test_an_ignored_failure_is_no_failure() -> None:
    reader, _ = read(BAD + "...ignoring\n")
    assert reader.fault == ""


def test_an_unreachable_host_is_named() -> None:
    reader, _ = read('TASK [Ping] ***\nfatal: [client]: UNREACHABLE! => {"msg": "Failed to connect"}\n')
    assert reader.fault == 'task \'Ping\' on client: UNREACHABLE! => {"msg": "Failed to connect"}'


def test_the_failed_host_is_where_to_look() -> None:
    error = TaskError(Lab("tiny"), "www", "task")
    assert error.diagnostics() == "testbed exec www --lab tiny -- journalctl --boot --lines=50"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            "Unable to start service nginx.service: Job failed.",
            " bind() to 0.0.0.0:443 failed (in use): end what holds",
        ),
        ("Unable to reload nginx", ""),
    ],
)
def test_a_port_in_use_is_named(fault: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "enter", lambda _lab, _host, argv: argv)
    monkeypatch.setattr(tools, "answer", lambda argv: "bind() to 0.0.0.0:443 failed (in use)" * (argv[-1] == _UNIT))
    assert _in_use(Lab("tiny"), "www", fault)[: len(told) or None] == told
