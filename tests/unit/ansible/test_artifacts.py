"""What other parties send is data: Ansible does not read it as inventory, and no host takes it unverified."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, ansible, play

DEFAULTS = "\n".join(path.read_text(encoding="utf-8") for path in ANSIBLE.glob("roles/*/defaults/main.yml"))
BESIDE = sorted(set(re.findall(r"\{\{ inventory_dir \}\}/([\w.]+)", DEFAULTS)))
SECRET = "root:$y$j9T$not-for-others:20000:0:99999:7:::\n"


def test_no_file_of_others_is_read_as_inventory(tmp_path: Path) -> None:
    assert BESIDE
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "hosts.yml").write_text("all: {hosts: {ca.example.org: }}\n")
    for folder in BESIDE:
        (mine / folder / "entries").mkdir(parents=True)
        entry = {"all": {"vars": {"region": "{{ lookup('pipe', 'id') }}"}, "hosts": {"intruder.example": None}}}
        (mine / folder / "entries" / "other.json").write_text(json.dumps(entry))
    listed = ansible(tmp_path, "ansible-inventory", "-i", str(mine), "--list")
    assert listed.returncode == 0, listed.stderr
    assert "ca.example.org" in listed.stdout
    assert "intruder" not in listed.stdout
    assert "region" not in listed.stdout


@pytest.mark.usefixtures("programs")
def test_a_host_takes_no_directory_that_does_not_verify(tmp_path: Path) -> None:
    """As where somebody had the publisher's host hand out a link to what only root may read."""
    received, host = tmp_path / "received", tmp_path / "host"
    received.mkdir()
    host.mkdir()
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=publisher -keyout"
    made = [*command.split(), f"{tmp_path}/key", "-out", f"{received}/publishers.pem"]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    (received / "directory.der").write_text(SECRET)
    tasks, own = (
        yaml.safe_load(
            re.sub(r"(owner|group): root", "", text.read_text(encoding="utf-8")).replace("/etc/mecai", str(host))
        )
        for text in (ANSIBLE / "roles" / "directory_consumer" / part / "main.yml" for part in ("tasks", "vars"))
    )
    writing = [task for task in tasks if task["name"] == "Write the directory and the pinned publishers"]
    read = {"directory_consumer_source": str(received), "directory_consumer_directories": [f"{host}/directory.der"]}
    ran = play(tmp_path, writing, "-e", json.dumps(read), vars=own)
    assert ran.returncode != 0
    assert "directory" in ran.stdout
    assert [path.name for path in host.iterdir()] == ["publishers.pem"]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `mecai` of this Python be found as on a host."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin")
