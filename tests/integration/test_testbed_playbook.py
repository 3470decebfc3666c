"""Ansible, for real, on this machine alone: what `converge` reports of a run, and how a failure becomes one line."""

import contextlib
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.errors import HostError
from testbed.machine import limits
from testbed.machine.lab import Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.provision import inventory, playbook
from tests.unit.testbed.fakes import FakeDriver

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
HOSTS = {"www": HERE, "alder": HERE}
Converge = Callable[..., str]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab("play", labs=tmp_path / "labs")


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def converge(lab: Lab, notes: list[str], tmp_path: Path) -> Converge:
    def run(tasks: str, hosts: dict[str, Any] = HOSTS, **play: object) -> str:
        write_file(lab.ansible_config, inventory.ansible_config(lab))
        write_file(lab.inventory, yaml.safe_dump({"all": {"hosts": hosts}}))
        play = {"hosts": "all", "gather_facts": False, "tasks": yaml.safe_load(textwrap.dedent(tasks)), **play}
        site = tmp_path / "site.yml"
        site.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return playbook.converge(FakeDriver(lab), notes.append, site)

    return run


def test_counts_come_from_the_stats_and_failures_that_were_ignored_or_rescued_are_none(
    converge: Converge, notes: list[str], lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    told = converge("""
        - name: Ignored
          ansible.builtin.fail: {msg: never mind}
          ignore_errors: true
        - name: Try
          block:
            - name: Rescued
              ansible.builtin.fail: {msg: never mind}
          rescue:
            - name: Go on
              ansible.builtin.meta: noop
        - name: Say a word
          ansible.builtin.command: echo word
          changed_when: "inventory_hostname == 'www'"
        - name: Look
          ansible.builtin.command: "true"
          changed_when: false
    """)
    counts, _, longest = told.partition("; longest: ")
    assert counts == "2 hosts, ok=6 changed=1"
    named = set(re.findall(r"(\w[\w ]*) \d+ s", longest))
    assert named < {"Ignored", "Rescued", "Say a word", "Look"}
    assert {"Say a word", "Say a word: www", "Say a word: alder", "Look"} <= set(notes)
    assert capfd.readouterr() == ("", "")
    assert "TASK [Say a word]" in lab.log("converge").read_text()


def test_a_failure_is_one_line_with_task_host_and_cause(converge: Converge) -> None:
    with pytest.raises(playbook.TaskError) as caught:
        converge("""
            - name: Run a tool
              ansible.builtin.command: sh -c "echo no room >&2; exit 3"
              when: inventory_hostname == 'www'
              changed_when: true
        """)
    assert str(caught.value) == "task 'Run a tool' on www: non-zero return code: no room"
    assert caught.value.diagnostics() == "testbed exec www --lab play -- journalctl --boot --lines=50"


def test_the_item_that_failed_gives_the_cause(converge: Converge) -> None:
    with pytest.raises(playbook.TaskError, match=r"^task 'Check' on www: two is bad$"):
        converge("""
            - name: Check
              ansible.builtin.fail: {msg: "{{ item }} is bad"}
              when: item == 'two' and inventory_hostname == 'www'
              loop: [one, two]
        """)


def test_the_failure_that_ended_it_is_told_and_not_the_one_before_it_that_was_ignored(converge: Converge) -> None:
    with pytest.raises(playbook.TaskError, match=r"^task 'Real' on www: this one$"):
        converge("""
            - name: Ignored
              ansible.builtin.fail: {msg: never mind}
              ignore_errors: true
            - name: Real
              ansible.builtin.fail: {msg: this one}
              when: inventory_hostname == 'www'
        """)


def test_a_rescue_that_fails_says_what_it_found_out(converge: Converge) -> None:
    with pytest.raises(playbook.TaskError, match=r"^task 'Explain' on www: no room on the disk$"):
        converge("""
            - name: Try
              block:
                - name: Start it
                  ansible.builtin.fail: {msg: see the log}
                  when: inventory_hostname == 'www'
              rescue:
                - name: Explain
                  ansible.builtin.fail: {msg: no room on the disk}
        """)


def test_a_host_that_cannot_be_reached_is_named(converge: Converge) -> None:
    hosts = {"www": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}
    with pytest.raises(playbook.TaskError, match=r"^task 'Ping' on www: .*[Cc]onnection refused"):
        converge("[{name: Ping, ansible.builtin.ping: }]", hosts)


def test_a_playbook_that_ansible_does_not_read_is_told_with_its_last_words(converge: Converge) -> None:
    with pytest.raises(HostError, match=r"^ansible-playbook: failed: .*ERROR.*nonsense"):
        converge("[{name: Nonsense, no.such.nonsense: {}}]")


def test_a_playbook_that_does_not_end_is_ended_with_all_its_workers(
    converge: Converge, monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    monkeypatch.setattr(playbook, "LIMITS", limits.LabLimits(converge_seconds=6))
    with pytest.raises(HostError, match=r"^ansible-playbook: no end after 6 s$"):
        converge("[{name: Sleep, ansible.builtin.command: sleep 600}]")
    until(lambda: not _programs(str(lab.inventory)), LIMITS.kill_seconds, lambda: f"{_programs(str(lab.inventory))}")


def _programs(word: str) -> list[str]:
    """List the programs whose command line holds a word."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_text(errors="replace"))
    return [command for command in found if word in command]
