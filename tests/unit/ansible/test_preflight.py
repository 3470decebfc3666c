"""What would end a run halfway ends it at its start, in one line that says what is missing and what makes it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, ansible

FIRST_CHANGE = "PLAY [Begin to build the nginx module]"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Give the example as one's own, which names no host that answers; the control machine has the wheel."""
    mine = tmp_path / "ansible" / "inventories" / "mine"
    shutil.copytree(ANSIBLE / "inventories" / "example", mine)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").touch()
    (mine / ".artifacts" / "directory").mkdir(parents=True)
    (mine / ".artifacts" / "mecai-0.1.0-py3-none-any.whl").touch()
    return mine


def without_vendor(inventory: Path) -> None:
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text(encoding="utf-8"))
    hosts["all"]["children"]["vendors"]["hosts"] = {}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")


def site(inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    playbook = str(ANSIBLE / "playbooks" / "site.yml")
    return ansible(inventory.parents[2], "ansible-playbook", "-i", str(inventory), *arguments, playbook)


def assert_missing(ran: subprocess.CompletedProcess[str], name: str, what_to_do: str) -> None:
    assert ran.returncode != 0
    assert re.search(rf"{re.escape(name)} is missing on the control machine: .*{re.escape(what_to_do)}", ran.stdout)
    assert FIRST_CHANGE not in ran.stdout
    assert "UNREACHABLE" not in ran.stdout


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_a_missing_wheel(inventory: Path, option: tuple[str, ...]) -> None:
    (inventory / ".artifacts" / "mecai-0.1.0-py3-none-any.whl").unlink()
    assert_missing(site(inventory, *option), "mecai-0.1.0-py3-none-any.whl", f"scripts/host-packages {inventory}")


def test_a_missing_folder_of_wheels(inventory: Path) -> None:
    ran = site(inventory, "-e", f"runtime_wheelhouse={inventory}/.artifacts/wheelhouse")
    assert_missing(ran, "wheelhouse", "--wheelhouse")


@pytest.mark.parametrize("option", [(), ("--check",)])
@pytest.mark.parametrize("name", ["publishers.pem", "directory.der"])
def test_a_missing_directory_where_no_vendor_publishes_one(inventory: Path, name: str, option: tuple[str, ...]) -> None:
    without_vendor(inventory)
    for other in {"publishers.pem", "directory.der"} - {name}:
        (inventory / ".artifacts" / "directory" / other).touch()
    assert_missing(site(inventory, *option), f"directory/{name}", "vendor")


def test_a_missing_module_where_no_vendor_builds_it(inventory: Path) -> None:
    without_vendor(inventory)
    for name in ("publishers.pem", "directory.der"):
        (inventory / ".artifacts" / "directory" / name).touch()
    assert_missing(site(inventory), "libnginx-mod-voucher.deb", "vendor")


@pytest.mark.parametrize("role", ["tls_server", "haproxy_server"])
def test_the_module_is_looked_for_where_the_role_takes_it(role: str) -> None:
    """A role's defaults are not known outside it: so they stand twice, and are the same."""
    preflight = (ANSIBLE / "playbooks" / "preflight.yml").read_text(encoding="utf-8")
    default = yaml.safe_load((ANSIBLE / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    (path,) = re.findall(rf"{role}_module_package \| default\(inventory_dir ~ '([^']+)'", preflight)
    assert default[f"{role}_module_package"] == f"{{{{ inventory_dir }}}}{path}"
