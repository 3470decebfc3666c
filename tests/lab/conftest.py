"""Which hosts the lab has, from `testbed status`, and how tests reach them: over the lab's SSH config.

`MECAI_LAB` names the lab; without it, `small`. A test that takes one of `CHOICES` runs once for each host of it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from testbed.machine.lab import Lab
from tests.lab.survey import Survey, survey

LAB = Lab(os.environ.get("MECAI_LAB", "small"))
SITE = "www.example.test"
CHOICES = ("machine", "authority", "issuer", "other_authority", "tls_server", "client")


@dataclass(frozen=True)
class Machine:
    """One host of the lab."""

    name: str
    role: str
    addresses: tuple[str, str]

    @property
    def shell(self) -> Host:
        """The host by testinfra, over SSH."""
        return reach(self.name)

    @property
    def survey(self) -> Survey:
        """What the host is, read once."""
        return surveyed(self.name)

    def run(self, command: str, *arguments: str) -> str:
        """Run a command that must succeed; returns what it printed."""
        return str(self.shell.check_output(command, *arguments))


@cache
def reach(name: str) -> Host:
    """Return testinfra's view of a host."""
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(LAB.ssh_config))


@cache
def surveyed(name: str) -> Survey:
    """Return what a host is, read once in a run of the tests."""
    return survey(reach(name))


@cache
def machines() -> tuple[Machine, ...]:
    """Ask `testbed status` for the hosts; ends the run in one line if the lab does not run."""
    command = [str(Path(sys.executable).with_name("testbed")), "status", "--lab", LAB.id, "--format", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode not in {0, 1}:
        raise pytest.UsageError(answer.stderr.strip())
    hosts = json.loads(answer.stdout)["hosts"]
    if stopped := [host["name"] for host in hosts if host["state"] != "running"]:
        raise pytest.UsageError(f"lab {LAB.id}: {', '.join(stopped)} not running: testbed up --lab {LAB.id}")
    return tuple(Machine(host["name"], host["role"], tuple(host["addresses"])) for host in hosts)


def chosen(choice: str) -> tuple[Machine, ...]:
    """Return the hosts of a choice: of any role, of one role, the authority that certified the site, or the others."""
    authorities = tuple(machine for machine in machines() if machine.role == "authority")
    match choice:
        case "machine":
            return machines()
        case "issuer":
            return authorities[:1]
        case "other_authority":
            return authorities[1:]
        case role:
            return tuple(machine for machine in machines() if machine.role == role)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each host of the choice that it takes."""
    for choice in CHOICES:
        if choice in metafunc.fixturenames:
            metafunc.parametrize(choice, chosen(choice), ids=lambda machine: machine.name)


@pytest.fixture
def openssl(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run this machine's OpenSSL, a witness that knows nothing of MECAI, in a folder of the test's own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=False, timeout=20)

    return run
