"""Hosts that lack what a Debian mostly has: each works, or says in one line what to do. On the host of the resolver."""

import re
from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Deployment
from tests.deploy.hosts import DNS

HOST = f"{DNS}.example.org"
PLAYBOOKS = ("playbooks/preflight.yml", "playbooks/runtime.yml")
INSTALL = ("ansible-playbook", "-i", "inventories/mine", "--limit", HOST, *PLAYBOOKS)


@pytest.fixture
def bare(deployment: Deployment) -> Iterator[Deployment]:
    """Add a host to the inventory, without apt's lists and without the module that Ansible talks to apt by."""
    inventory = deployment.checkout / "ansible" / "inventories" / "mine" / "bare.yml"
    inventory.write_text(f"clients: {{hosts: {{{HOST}: }}}}", encoding="utf-8")
    deployment.hosts.root(DNS, "rm -rf /var/lib/apt/lists/*; dpkg --remove python3-apt")
    yield deployment
    inventory.unlink()


def test_a_bare_host_says_what_a_check_needs_and_a_run_makes_it(bare: Deployment) -> None:
    for missing, what_to_do in (
        ("apt knows no package python3-venv: ", "apt-get update on this host first, which a run without --check does"),
        ("python3-apt must be installed to use check mode", "If run normally this module can auto-install it"),
    ):
        checked = bare.run(*INSTALL, "--check")
        assert checked.returncode != 0
        assert re.search(rf'"msg": "{re.escape(missing)}.*{re.escape(what_to_do)}', checked.stdout), checked.stdout
        bare.hosts.root(DNS, "apt-get update --quiet")
    bare.hosts.root(DNS, "rm -rf /var/lib/apt/lists/*")
    bare.control(*INSTALL)
    assert bare.on(HOST, "mecai --version").startswith("mecai ")
    assert " changed=0 " in bare.control(*INSTALL)
