"""Certificates in place are their CA's to judge: the role's own tasks and the real `mecai ca`, in the test's folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "certificate"
SETTINGS = """
name = "alder"
owner_group = "alder"
region = "north"
ocsp_url = "http://ocsp.alder.test"
vas_url = "https://vas.alder.test"
state = "{folder}/state"
public = "{folder}/public"
[days]
server = {days}
"""

# A host of a CA that is down.
AWAY = {"name": "away", "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
UNREACHED = {"name": "Know it", "ansible.builtin.add_host": AWAY, "changed_when": False}

EVERY = ("server", "client", "va", "mail")


class Played:
    """A CA and a host, both this machine, whose files lie in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certify_for(90)
        self.mecai("init")

    def certify_for(self, days: int) -> None:
        """Settle how long the certificates of servers last."""
        (self.folder / "ca.toml").write_text(SETTINGS.format(folder=self.folder, days=days))

    def mecai(self, verb: str, *words: str) -> str:
        """Run a verb of the CA; returns what it printed."""
        command = ["mecai", "ca", verb, "--config", f"{self.folder}/ca.toml", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def converge(self, *options: str, profiles: Sequence[str] = ("server", "va")) -> int:
        """Play the role for a server and a VA, or others; returns how many tasks changed something."""
        ran = self.play([self.wanted(profile) for profile in profiles], *options)
        assert ran.returncode == 0, ran.stdout
        return int(re.findall(r"changed=(\d+)", ran.stdout)[-1])

    def play(self, requests: list[dict[str, object]], *options: str) -> subprocess.CompletedProcess[str]:
        """Play the role for some requests."""
        text = (ROLE / "tasks" / "main.yml").read_text().replace("become: true", "become: false")
        tasks = yaml.safe_load(text)
        files = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
        settings = f"{self.folder}/ca.toml"
        given = json.dumps({"certificate_requests": requests, "certificate_authority_settings": settings})
        issuer = ("-e", "certificate_issuer=alder")
        # The plays of services have this word, which is stronger than `ignore_unreachable`.
        words = {"vars_files": files, "any_errors_fatal": True}
        return play(self.folder, [UNREACHED, *tasks], "-e", given, *issuer, *options, **words)

    def wanted(self, profile: str) -> dict[str, object]:
        """Return a request of the role's."""
        files = {"key": f"{self.folder}/{profile}.key", "path": f"{self.folder}/{profile}.pem"}
        names = {"email": ["notary@a.example"]} if profile == "mail" else {"dns": ["a.example"]}
        return {**files, "owner": "nobody", "profile": profile, "name": "a.example", **names}

    def read(self, *names: str) -> list[str]:
        """Return what the host's files hold."""
        return [(self.folder / name).read_text() for name in names]

    def is_good(self, profile: str) -> bool:
        """Say whether the CA stands behind what is in place."""
        return self.mecai("check", "--certificate", f"{self.folder}/{profile}.pem").startswith("good: ")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin")
    return Played(tmp_path)


def test_a_revoked_certificate_is_replaced_with_a_new_key(played: Played) -> None:
    assert played.converge(profiles=EVERY) > 0
    assert played.converge(profiles=EVERY) == 0
    key, certificate, other = played.read("server.key", "server.pem", "va.pem")
    played.mecai("revoke", "--certificate", f"{played.folder}/server.pem", "--reason", "keyCompromise")
    assert played.converge("--check") > 0
    assert played.read("server.key", "server.pem") == [key, certificate]
    assert played.converge() > 0
    assert played.is_good("server")
    assert key not in played.read("server.key")
    assert played.read("va.pem") == [other]
    assert played.converge() == 0


def test_one_of_a_ca_of_the_same_name_is_replaced_and_a_server_keeps_its_key(played: Played) -> None:
    assert played.converge(profiles=EVERY) > 0
    server, va = played.read("server.key", "va.key")
    shutil.rmtree(played.folder / "state")
    shutil.rmtree(played.folder / "public")
    played.mecai("init")
    assert played.converge(profiles=EVERY) > 0
    assert played.is_good("server")
    assert played.is_good("va")
    assert played.is_good("mail")
    assert played.read("server.key") == [server]
    assert played.read("va.key") != [va]


def test_a_revoked_key_is_not_renewed_either(played: Played) -> None:
    """A certificate that is revoked and about to end, too: its own host sees the one, its CA the other."""
    played.certify_for(40)
    assert played.converge(profiles=["server"]) > 0
    (key,) = played.read("server.key")
    played.mecai("revoke", "--certificate", f"{played.folder}/server.pem", "--reason", "keyCompromise")
    played.certify_for(90)
    due = ("-e", "certificate_renew_before_days=50")
    assert played.converge(*due, profiles=["server"]) > 0
    assert played.is_good("server")
    assert played.read("server.key") != [key]
    assert played.converge(*due, profiles=["server"]) == 0


def test_what_is_in_place_is_kept_on_while_the_ca_cannot_be_reached(played: Played) -> None:
    assert played.converge(profiles=["server"]) > 0
    assert played.converge("-e", "certificate_authority=away", profiles=["server"]) == 0


def test_what_the_ca_does_not_sign_is_named_and_keeps_no_other_back(played: Played) -> None:
    """A key that is to serve two purposes."""
    twice = played.wanted("va") | {"key": f"{played.folder}/server.key", "path": f"{played.folder}/twice.pem"}
    ran = played.play([played.wanted("server"), twice, played.wanted("va")])
    assert ran.returncode != 0
    assert f"localhost: {played.folder}/twice.pem: signing request: its key already serves profile server" in ran.stdout
    assert played.is_good("server")
    assert played.is_good("va")


def test_the_ca_is_started_once_for_all_requests_of_a_host(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start takes more of a CA's host than what it is for."""
    starts = played.folder / "starts"
    program = shutil.which("mecai")
    (played.folder / "bin").mkdir()
    counting = played.folder / "bin" / "mecai"
    counting.write_text(f'#!/bin/sh\necho "$1 $2 $3" >>{starts}\nexec {program} "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counting.parent}:{os.environ['PATH']}")
    assert played.converge() > 0
    played.mecai("revoke", "--certificate", f"{played.folder}/va.pem")
    assert played.converge() > 0
    asked = [line for line in starts.read_text().splitlines() if line.startswith("ca batch")]
    assert asked == ["ca batch issue", "ca batch check", "ca batch issue"]


def test_a_role_that_is_told_of_no_ca_goes_on_without_one(tmp_path: Path) -> None:
    """As `tls_server` where an ACME client brings the certificate: Ansible looks for the CA's host all the same."""
    left_out = {
        "name": "Have the CA certify the site",
        "ansible.builtin.import_role": {"name": "mecai.infrastructure.certificate"},
        "vars": {"certificate_requests": [], "certificate_authority": ""},
        "when": "'' | length > 0",
    }
    ran = play(tmp_path, [left_out])
    assert ran.returncode == 0, ran.stdout
