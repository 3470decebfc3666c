"""Ctrl-C while Ansible works ends Ansible and what it began, and this process, at once."""

from contextlib import suppress
from pathlib import Path

import pytest

from testbed.machine.lab import Lab, write_file
from testbed.provision import inventory, playbook
from tests.unit.testbed.fakes import FakeDriver

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Take long
      ansible.builtin.command: sleep 613
"""


def with_argument(word: str) -> list[int]:
    """List the processes whose last argument is this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().endswith(f"\0{word}\0".encode()):
                found.append(int(path.parent.name))
    return found


def test_an_interruption_during_converge_ends_what_ansible_began(tmp_path: Path) -> None:
    lab = Lab("tiny", labs=tmp_path)
    write_file(lab.inventory, "all: {hosts: {here: {ansible_connection: local}}}\n")
    write_file(lab.ansible_config, inventory.ansible_config(lab))
    site = tmp_path / "site.yml"
    site.write_text(PLAY, encoding="utf-8")

    def interrupt(note: str) -> None:
        if note == "Take long: here":
            assert with_argument(str(site))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        playbook.converge(FakeDriver(lab), interrupt, site)
    assert with_argument(str(site)) == []
