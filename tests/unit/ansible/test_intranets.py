"""What the roles write for a private network: a client's settings and roots, a CA and a server without vouchers."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.ca.config import AuthorityConfig
from mecai.client.policy import read_policy
from mecai.service.settings import read_settings
from tests.pki import Hierarchy
from tests.unit.ansible.running import ANSIBLE, play

ROOTS = Hierarchy("corp").root.pem.decode()
NETWORKS = [
    {"domains": ["Corp.Test", "lab.test"], "roots": ROOTS, "networks": ["10.0.0.0/8"], "max_status_hours": 24},
    {"domains": ["b.test"], "roots": ROOTS, "pins": ["0" * 64]},
]


def tasks_of(role: str, folder: Path) -> list[dict[str, Any]]:
    """Return the role's own tasks, as the user who runs the tests and below a folder of the test's own."""
    text = (ANSIBLE / "roles" / role / "tasks" / "main.yml").read_text()
    tasks: list[dict[str, Any]] = yaml.safe_load(text.replace("/etc/mecai", f"{folder}/mecai"))
    for task in tasks:
        for module in ("file", "copy", "template"):
            if options := task.get(f"ansible.builtin.{module}"):
                del options["owner"], options["group"]
    return tasks


def files_of(role: str) -> list[str]:
    return [str(path) for part in ("defaults", "vars") if (path := ANSIBLE / f"roles/{role}/{part}/main.yml").exists()]


@pytest.mark.parametrize("check", [True, False])
def test_a_client_gets_the_private_roots_and_the_settings_that_name_them(tmp_path: Path, *, check: bool) -> None:
    private = {"__voucher_client_private": f"{tmp_path}/mecai/intranet"}
    given = private | {"voucher_client_intranets": NETWORKS, "voucher_client_settings": {"mode": "warn"}}
    tasks = tasks_of("voucher_client", tmp_path)
    (write,) = (task["ansible.builtin.template"] for task in tasks if "ansible.builtin.template" in task)
    write["src"] = f"{ANSIBLE}/roles/voucher_client/templates/{write['src']}"
    options = ("-e", json.dumps(given), *(["--check"] if check else []))
    ran = play(tmp_path, tasks, *options, vars_files=files_of("voucher_client"))
    assert ran.returncode == 0, ran.stdout
    if check:
        assert not (tmp_path / "mecai").exists()
        return
    policy = read_policy(tmp_path / "mecai" / "client.toml")
    assert [entry.names for entry in policy.intranets] == [("corp.test", "lab.test"), ("b.test",)]
    assert [entry.roots.name for entry in policy.intranets] == ["corp.test.pem", "b.test.pem"]
    assert all(entry.roots.read_text().strip() == ROOTS.strip() for entry in policy.intranets)
    assert (policy.mode, policy.intranets[0].max_status_hours, policy.intranets[1].pins) == ("warn", 24, ("0" * 64,))
    again = play(tmp_path, tasks, *options, vars_files=files_of("voucher_client"))
    assert "changed=0 " in again.stdout


def test_roots_that_are_none_never_take_the_place_of_good_ones(tmp_path: Path) -> None:
    """The settings in place name them already."""
    private = tmp_path / "mecai" / "intranet"
    private.mkdir(parents=True)
    (private / "corp.test.pem").write_text(ROOTS)
    given = {"__voucher_client_private": str(private), "voucher_client_intranets": [NETWORKS[0] | {"roots": "none"}]}
    ran = play(
        tmp_path, tasks_of("voucher_client", tmp_path), "-e", json.dumps(given), vars_files=files_of("voucher_client")
    )
    assert ran.returncode != 0
    assert (private / "corp.test.pem").read_text() == ROOTS


def write(role: str, template: str, folder: Path, **given: Any) -> str:
    """Return what a template of a role becomes."""
    task = {"src": f"{ANSIBLE}/roles/{role}/templates/{template}", "dest": f"{folder}/out", "mode": "0600"}
    tasks = [{"name": "Write", "ansible.builtin.template": task}]
    ran = play(folder, tasks, "-e", json.dumps(given), vars_files=files_of(role))
    assert ran.returncode == 0, ran.stdout
    return (folder / "out").read_text()


def test_a_private_ca_has_no_voucher_authority(tmp_path: Path) -> None:
    given = {
        f"certificate_authority_{key}": value
        for key, value in {"name": "corp", "region": "north", "ocsp_url": "http://ocsp.corp.test"}.items()
    }
    write("certificate_authority", "ca.toml.j2", tmp_path, **given)
    assert read_settings(tmp_path / "out", AuthorityConfig).vas_url is None


@pytest.mark.parametrize(
    ("given", "staples"), [({"tls_server_ocsp": "yes"}, True), ({}, False), ({"tls_server_voucher": True}, False)]
)
def test_a_server_without_vouchers_may_staple_ocsp(tmp_path: Path, given: dict[str, Any], *, staples: bool) -> None:
    usual = {"tls_server_names": ["wiki.corp.test"], "tls_server_voucher": False}
    site = write("tls_server", "site.conf.j2", tmp_path, **usual | given)
    assert ("ssl_stapling on;" in site) is staples
    assert ("voucher on;" in site) is given.get("tls_server_voucher", False)
