"""Which hosts are looked at, and how tests reach them; a test that takes one of `CHOICES` runs once for each such host.

Without an option these are the hosts of the lab that `MECAI_LAB` names (without it, `small`). `--ansible-inventory`
takes those of an inventory, and what only the lab promises is left out: the run says so at its start.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from tests.lab import inventory
from tests.lab.inventory import Told
from tests.lab.survey import EVERYWHERE, OWN_FOLDERS, Survey, survey
from tests.patience import SECONDS

LAB = Lab(os.environ.get("MECAI_LAB", "small"))
CHOICES = (
    "machine",
    "authority",
    "database",
    "vas_node",
    "tls_server",
    "site",
    "stock_server",
    "slot_server",
    "python_server",
    "haproxy_server",
    "mail_server",
    "delivered_server",
    "client",
    "firewall",
    "private_authority",
    "intranet_server",
)
# Of a site's authorities: the one that certified it with all of its owner, and those of other owners.
BESIDE_A_SITE = ("issuer", "other_authority")
STAPLING_OTHERWISE = {"stock_server", "slot_server"}
_OPTION = "ansible_inventory"  # it is testinfra's own
_given: list[Path] = []  # the inventory of the option; none for the lab
_LEFT_OUT = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True)
class Machine:
    """One host."""

    name: str
    told: Told

    @property
    def roles(self) -> frozenset[str]:
        """What it is."""
        return self.told.roles

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
    if _given:
        return testinfra.get_host(f"ansible://{name}", ansible_inventory=str(_given[0]))
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(LAB.ssh_config))


@cache
def surveyed(name: str) -> Survey:
    """Return what a host is, read once in a run of the tests; of an own host only what MECAI's roles laid."""
    return survey(reach(name), OWN_FOLDERS if _given else EVERYWHERE)


@cache
def machines() -> tuple[Machine, ...]:
    """Read the hosts; ends the run in one line if the lab does not run, or the inventory cannot be read."""
    if _given:
        told = inventory.read(_given[0], {})
    else:
        _require_lab()
        told = inventory.read(LAB.inventory, {"ANSIBLE_CONFIG": str(LAB.ansible_config)})
    return tuple(Machine(name, what) for name, what in told.items() if what.roles)


def _require_lab() -> None:
    command = [str(Path(sys.executable).with_name("testbed")), "status", "--lab", LAB.id, "--format", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMITS.status_seconds)
    if answer.returncode not in {0, 1}:
        raise pytest.UsageError(answer.stderr.strip())
    hosts = json.loads(answer.stdout)["hosts"]
    if stopped := [host["name"] for host in hosts if host["state"] != "running"]:
        raise pytest.UsageError(f"lab {LAB.id}: {', '.join(stopped)} not running: testbed up --lab {LAB.id}")


def chosen(role: str) -> tuple[Machine, ...]:
    """Return the hosts of a role, all (`machine`), the servers that a private authority certified, or sites."""
    if role == "intranet_server":
        private = {machine.name for machine in chosen("private_authority")}
        return tuple(server for server in chosen("plain_server") if server.told.issuer in private)
    if role == "site":  # to an authority, and to owners, it is all one how a site's server comes to staple
        found = chosen("tls_server")
        return tuple(server for server in found if not server.roles & STAPLING_OTHERWISE) or found
    return tuple(machine for machine in machines() if role == "machine" or role in machine.roles)


def issuers(site: Machine) -> tuple[Machine, ...]:
    """Return the authorities of the owner that certified a site: none of them vouches for it."""
    owner = next((found.told.owner_group for found in chosen("authority") if found.name == site.told.issuer), None)
    return tuple(found for found in chosen("authority") if found.told.owner_group == owner)


def others(site: Machine) -> tuple[Machine, ...]:
    """Return the authorities of other owners: each of them vouches for a site."""
    return tuple(found for found in chosen("authority") if found not in issuers(site))


def _pairs(choice: str) -> Iterator[tuple[Machine, Machine]]:
    for site in chosen("site"):
        yield from ((found, site) for found in (issuers if choice == "issuer" else others)(site))


def pytest_configure(config: pytest.Config) -> None:
    """Take the option, before any host is asked for."""
    config.addinivalue_line("markers", "lab_only(reason): a promise that holds in the lab, not on hosts of one's own")
    if given := config.getoption(_OPTION):
        _given.append(Path(given).absolute())
        if not _given[0].exists():
            raise pytest.UsageError(f"--ansible-inventory={given}: no such file or folder")


def pytest_sessionstart() -> None:
    """Read the hosts once, so that a fault ends the run, not each file of it."""
    machines()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each host, or each authority beside a site, that it takes."""
    wanted = list(metafunc.fixturenames)
    for choice in (name for name in BESIDE_A_SITE if name in wanted):
        pairs = list(_pairs(choice))
        metafunc.parametrize((choice, "tls_server"), pairs, ids=[f"{one.name}-{site.name}" for one, site in pairs])
        wanted.remove("tls_server")
    for choice in (name for name in CHOICES if name in wanted):
        metafunc.parametrize(choice, chosen(choice), ids=lambda machine: machine.name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is promised in the lab only."""
    if _given:
        left_out = [item for item in items if item.get_closest_marker("lab_only")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        config.stash[_LEFT_OUT] = {_promise(item): _reason(item) for item in left_out}


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say which promises are looked at, and which are not."""
    if not _given:
        return []
    # Where an inventory has no host of a kind, pytest skips the test.
    checked = dict.fromkeys(_promise(item) for item in items if not item.get_closest_marker("skip"))
    left_out = config.stash[_LEFT_OUT]
    return [
        f"promises checked on the hosts of {config.getoption(_OPTION)}: {len(checked)}",
        *(f"  {promise}" for promise in checked),
        f"left out, since only the lab promises it: {len(left_out)}",
        *(f"  {promise} ({reason})" for promise, reason in left_out.items()),
    ]


def _promise(item: pytest.Item) -> str:
    return getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")


def _reason(item: pytest.Item) -> str:
    marker = item.get_closest_marker("lab_only")
    return str(marker.args[0]) if marker else ""


@pytest.fixture
def openssl(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run this machine's OpenSSL, a witness that knows nothing of MECAI, in a folder of the test's own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=False, timeout=SECONDS)

    return run
