"""A stranger's first evening: the README's commands on plain hosts, and at their end a voucher in the handshake."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

from cryptography import x509

from mecai.protocol.pki.identity import authority_id, spki_der
from tests.deploy.conftest import Deployment
from tests.patience import SECONDS

HOSTS = ("ca.example.org", "ca.example.net", "www.example.org")
SITE = "www.example.org"
PLAYBOOK = ("ansible-playbook", "-i", "inventories/mine", "playbooks/site.yml")


def test_a_check_of_fresh_hosts_passes(deployment: Deployment) -> None:
    recap = _recap(deployment.runs[0])
    assert {host: counts["failed"] for host, counts in recap.items()} == dict.fromkeys(HOSTS, 0)


def test_the_run_ends_well(deployment: Deployment) -> None:
    recap = _recap(deployment.runs[-2])
    assert all(recap[host]["failed"] == 0 and recap[host]["changed"] > 0 for host in HOSTS)


def test_the_second_run_changes_nothing(deployment: Deployment) -> None:
    recap = _recap(deployment.runs[-1])
    assert {host: counts["changed"] + counts["failed"] for host, counts in recap.items()} == dict.fromkeys(HOSTS, 0)


def test_the_other_owners_voucher_is_in_the_handshake(deployment: Deployment, tmp_path: Path) -> None:
    """By programs that are not this project's: tlslite-ng shakes hands, openssl verifies what came."""
    root = deployment.on("ca.example.net", "cat /var/lib/mecai-ca-public/root.pem")
    authority = authority_id(spki_der(x509.load_pem_x509_certificate(root.encode()))).hex()
    for address in deployment.hosts.plan.addresses("www"):
        said = deployment.control(sys.executable, "-m", "tests.deploy.handshake", address, SITE, authority)
        (voucher,) = json.loads(said)
        (tmp_path / "voucher").write_bytes(base64.b64decode(voucher))
        (tmp_path / "root.pem").write_text(root, encoding="ascii")
        verify = "openssl cms -verify -purpose any -inform DER -in voucher -CAfile root.pem -out content"
        subprocess.run(verify.split(), cwd=tmp_path, check=True, capture_output=True, timeout=SECONDS)


def test_a_client_accepts_the_site(deployment: Deployment) -> None:
    verdict = json.loads(deployment.on(SITE, f"mecai client get https://{SITE}/ --format json"))
    assert (verdict["verdict"], verdict["reason"]) == ("accepted", None)
    assert [voucher["name"] for voucher in verdict["vouchers"]] == ["Another Trust"]


def test_every_promise_to_this_inventory_is_kept(deployment: Deployment) -> None:
    """The suite of the lab, told to look at the stranger's own hosts."""
    suite = str(deployment.checkout / "tests" / "lab")
    said = deployment.control(
        sys.executable, "-m", "pytest", "-q", "-rs", suite, "--ansible-inventory=inventories/mine"
    )
    assert re.search(r"^promises checked on the hosts of inventories/mine: ", said, re.MULTILINE)
    assert re.search(r"^\d+ passed, \d+ skipped, \d+ deselected in ", said, re.MULTILINE), said
    # Of servers, here is one that has the module. The strict client names four authorities, and here are two.
    others = "(?:mail|delivered|stock|python|haproxy|slot)_server"
    skips = rf"^SKIPPED \[(\d+)\] \S*tests/lab/(\w+)\.py:(?!.*empty parameter set for \({others}\))"
    skipped = re.findall(skips, said, re.MULTILINE)
    assert skipped == [("1", "test_tls_server")], said


def test_a_host_without_sudo_ends_a_run_before_anything_is_done(deployment: Deployment) -> None:
    deployment.hosts.root("other", "mv /usr/bin/sudo /usr/bin/sudo.away")
    try:
        ran = deployment.run(*PLAYBOOK)
    finally:
        deployment.hosts.root("other", "mv /usr/bin/sudo.away /usr/bin/sudo")
    assert ran.returncode != 0
    assert re.search(r"sudo: .*not found", ran.stdout)
    assert re.findall(r"^PLAY \[(.*)\]", ran.stdout, re.MULTILINE) == ["See that all can begin"]


def _recap(run: subprocess.CompletedProcess[str]) -> dict[str, dict[str, int]]:
    """Read the last lines of a run."""
    assert run.returncode == 0, run.stdout[-4000:]
    lines = re.findall(r"^(\S+) +: (ok=.*)$", run.stdout, re.MULTILINE)
    return {host: {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", text)} for host, text in lines}
