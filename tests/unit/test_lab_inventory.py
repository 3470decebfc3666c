"""The lab's suite on an inventory of one's own: it reads it as Ansible does, or ends in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import inventory
from tests.unit.ansible.running import ANSIBLE

ROOT = ANSIBLE.parent


def suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command = [*pytest, "tests/lab", "--collect-only", *arguments]
    own = {**os.environ, "MECAI_LAB": "none-such"}
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False, timeout=240)


def test_the_example_is_read_with_its_templates_filled_in() -> None:
    told = inventory.read(ANSIBLE / "inventories" / "example", {})
    assert {host: sorted(what.roles) for host, what in told.items()} == {
        "ca.example.org": ["authority"],
        "ca.example.net": ["authority"],
        "www.example.org": ["client", "tls_server", "vendor"],
    }
    site, other = told["www.example.org"], told["ca.example.net"]
    assert (site.site, site.issuer) == ("www.example.org", "ca.example.org")
    assert site.addresses == ("192.0.2.80", "2001:db8::80")
    assert (other.vas, other.owner_group, other.contexts) == ("vas.example.net", "another-trust", ("EXAMPLE",))
    assert (other.fetched, other.report_key, site.directory) == ((), "", "")


def test_the_suite_says_what_it_looks_at_and_what_it_leaves_out() -> None:
    ran = suite("--ansible-inventory=ansible/inventories/example")
    assert ran.returncode == 0, ran.stdout
    checked, _, left_out = ran.stdout.partition("left out, since only the lab promises it: ")
    assert "promises checked on the hosts of ansible/inventories/example: " in checked
    assert "\n  vas vouches for the site\n" in checked
    assert "test_vas_vouches_for_the_site[ca.example.net-www.example.org]" in ran.stdout
    assert "test_vas_vouches_for_the_site[ca.example.org-www.example.org]" not in ran.stdout
    assert "\n  nothing else listens (" in left_out
    assert "test_nothing_else_listens" not in ran.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file or folder"),
        ("all: [", "inventory "),
        ("all: {hosts: {}}\n", "inventory "),
        ("all: {hosts: {www.example.org: }}\n", "no host in any group of the playbooks"),
    ],
    ids=["missing", "broken", "empty", "strange"],
)
def test_an_inventory_that_cannot_be_read_is_one_line(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    ran = suite(f"--ansible-inventory={path}")
    assert ran.returncode == 4
    assert said in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr + ran.stdout
