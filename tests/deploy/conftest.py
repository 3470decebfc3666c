"""The hosts, a checkout of one's own, and the commands of the collection's README, run in their order."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.drivers.nspawn.driver import NspawnDriver
from testbed.lifecycle import down, preflight
from testbed.machine.lab import REPOSITORY, Lab
from tests.deploy import image
from tests.deploy.hosts import Hosts

# Beside the lab of the other tests, which goes on.
LAB = Lab(f"{os.environ.get('MECAI_LAB', 'small')[:10]}-plain")
LEFT_OUT = (".git", ".venv", "build", "dist", ".*_cache", "__pycache__", "*.egg-info", "mine")
# What the example asks of those whose hosts are like these: without a way to the package index, in networks that
# are not public; and of those who want PostgreSQL for one of the two.
ASKED = {
    "hosts.yml": ["databases: "],
    "host_vars/ca.example.net.yml": ["voucher_authority_database: "],
    "group_vars/all.yml": ["runtime_wheelhouse: "],
    "group_vars/authorities.yml": ["allowed_networks: "],
    "group_vars/tls_servers.yml": ["voucher_sidecar_settings: "],
}
FIRST_COMMANDS = ("make deps", ". .venv/bin/activate", "cd ansible")  # this environment has done them


@dataclass(frozen=True)
class Deployment:
    """A checkout whose inventory `mine` was applied to hosts, with what each playbook run said."""

    hosts: Hosts
    checkout: Path
    runs: tuple[subprocess.CompletedProcess[str], ...]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the folder `ansible` of the checkout, in the hosts' network."""
        return self.hosts.control(self.checkout / "ansible", command, environment(self.hosts, self.checkout))

    def control(self, *command: str) -> str:
        """Run a program there that must succeed; returns what it said."""
        ran = self.run(*command)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def on(self, host: str, command: str) -> str:
        """Run a command on a host, over SSH, as its ordinary user."""
        return self.control("ssh", "-F", str(self.hosts.driver.lab.ssh_config), host, command)


def environment(hosts: Hosts, checkout: Path) -> dict[str, str]:
    """Return what `. .venv/bin/activate` and a person's ~/.ssh/config stand for."""
    own = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        "ANSIBLE_HOME": str(checkout / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(checkout / "home" / "collections"),
        "ANSIBLE_SSH_COMMON_ARGS": f"-F {hosts.driver.lab.ssh_config}",
        "ANSIBLE_NOCOLOR": "1",
    }
    return {**os.environ, **own}


def commands() -> list[str]:
    """Return the commands of the README, without its comments, from the folder `ansible` on."""
    readme = (REPOSITORY / "ansible" / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Use\n.*?```sh\n(.*?)```", readme, re.DOTALL)
    assert block
    lines = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
    assert tuple(lines[: len(FIRST_COMMANDS)]) == FIRST_COMMANDS
    return [line for line in lines[len(FIRST_COMMANDS) :] if line]


def ask(inventory: Path) -> None:
    """Take out the comment sign before what the example's comments ask for."""
    for name, keys in ASKED.items():
        text = (inventory / name).read_text(encoding="utf-8")
        for key in keys:
            text, count = re.subn(rf"(?m)^( *)# ({re.escape(key)})", r"\1\2", text)
            assert count == 1, (name, key)
        (inventory / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Boot plain hosts; nothing of them remains."""
    driver = NspawnDriver(LAB)
    made = Hosts(driver)
    preflight.require(driver, len(made.plan.topology.hosts))
    wanted = image.wanted()
    image.ensure(wanted, tmp_path_factory.mktemp("image") / "log", lambda _note: None)
    with LAB.lock():
        down.remove(driver)
        try:
            made.boot(wanted.root)
            yield made
        finally:
            down.remove(driver)


@pytest.fixture(scope="session")
def deployment(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Do as the README says, in a checkout of one's own; its last two commands are a first run and a second."""
    checkout = tmp_path_factory.mktemp("stranger") / "checkout"
    shutil.copytree(REPOSITORY, checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
    runs = []
    for line in commands():
        command = shlex.split(line)
        if command[0].endswith("host-packages"):
            command.append("--wheelhouse")
        if command[0] == "ansible-playbook":
            runs.append(hosts.control(checkout / "ansible", command, environment(hosts, checkout)))
            checkout.with_name(f"run-{len(runs)}.log").write_text(f"$ {line}\n{runs[-1].stdout}", encoding="utf-8")
        else:
            # The package index is reached from the control machine only.
            subprocess.run(command, cwd=checkout / "ansible", env=environment(hosts, checkout), check=True, timeout=600)
        if command[0] == "cp":
            ask(checkout / "ansible" / command[-1])
    return Deployment(hosts, checkout, tuple(runs))
