"""One run at a time for an inventory, however the other one ended, and none that begins in the middle of a role."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.ansible.running import ANSIBLE, ansible

if TYPE_CHECKING:
    import subprocess

LINE = "another run works on this inventory"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock as a run of this process would; fails where another one holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Make an inventory of this machine, with the settings of the checkout as far as they matter here."""
    settings = (ANSIBLE / "ansible.cfg").read_text()
    enabled = next(line for line in settings.splitlines() if line.startswith("callbacks_enabled"))
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\n{enabled}\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}")
    (tmp_path / "mine" / "group_vars").mkdir()
    (tmp_path / "mine" / "group_vars" / "all.yml").write_text(f"ansible_python_interpreter: {sys.executable}")
    return tmp_path / "mine"


def run(mine: Path, command: str, *options: str, inventory: str = "mine") -> "subprocess.CompletedProcess[str]":
    task: dict[str, Any] = {"name": "A task", "ansible.builtin.command": command, "changed_when": False}
    play = [{"name": "A play", "hosts": "all", "gather_facts": False, "tasks": [task]}]
    (mine.parent / "play.yml").write_text(json.dumps(play))
    return ansible(mine.parent, "ansible-playbook", "-i", inventory, *options, "play.yml")


@pytest.mark.parametrize("inventory", ["mine", "mine/hosts.yml"])
def test_a_run_holds_the_inventory_to_its_end(mine: Path, inventory: str) -> None:
    during = run(mine, f"flock --nonblock --conflict-exit-code 7 {mine} true", inventory=inventory)
    assert '"rc": 7' in during.stdout
    with locked(mine):
        pass


def test_a_second_run_is_refused_and_told_by_whom(mine: Path) -> None:
    with locked(mine):
        refused = run(mine, f"touch {mine}/done")
    assert refused.returncode == 1
    assert f"mine: {LINE}: process {os.getpid()}; wait until it ends" in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout
    assert not (mine / "done").exists()


def test_a_command_of_several_playbooks_is_one_run(mine: Path) -> None:
    ran = run(mine, f"sh -c 'echo once >>{mine.parent}/done'", "play.yml")
    assert ran.returncode == 0, ran.stderr
    assert (mine.parent / "done").read_text().split() == ["once", "once"]


def test_it_leaves_no_file_and_writes_nothing_in_the_inventory(mine: Path) -> None:
    """So an inventory that the engineer may only read, or that another one used before, can be run."""
    before = sorted(mine.iterdir())
    assert run(mine, "true").returncode == 0
    assert sorted(mine.iterdir()) == before


def test_many_host_names_are_no_folder(mine: Path) -> None:
    """Longer together than a file's name may be."""
    ran = run(mine, "true", "--limit", "localhost", inventory="localhost," + "a-host-of-some-length.example," * 10)
    assert "failed for plugin" not in ran.stderr


def test_no_run_begins_in_the_middle(mine: Path) -> None:
    refused = run(mine, f"touch {mine}/done", "--start-at-task", "A task")
    assert refused.returncode == 1
    assert "--start-at-task leaves out what a role's later tasks rely on; run the part's playbook" in refused.stderr
    assert not (mine / "done").exists()
