"""A CA gets its root on a word and keeps it: the role's own tasks and the real `mecai ca`, in the test's folder."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "certificate_authority"
WORD = ("-e", "certificate_authority_make_root=true")
KNOWN = {
    "name": "Example Trust",
    "owner_group": "example-trust",
    "region": "europe",
    "ocsp_url": "http://ocsp.example.org",
    "vas_url": "https://vas.example.org",
}
FIRST = "(on the first run for this CA: -e certificate_authority_make_root=true)"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write the settings by the role's template, then find the CA by the role's tasks; the state is in `tmp_path`."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin")
    settings = tmp_path / "ca.toml"
    files = [ROLE / "defaults" / "main.yml", tmp_path / "vars.yml"]
    local = (ROLE / "vars" / "main.yml").read_text().replace("/etc/mecai/ca.toml", str(settings))
    files[1].write_text(local)
    template = (ROLE / "templates" / "ca.toml.j2").read_text()
    (tmp_path / "ca.toml.j2").write_text(
        template.replace("[days]", f'state = "{tmp_path}/state"\npublic = "{tmp_path}/public"\n[days]')
    )
    write = {"src": f"{tmp_path}/ca.toml.j2", "dest": str(settings), "mode": "0600"}
    tasks = [{"name": "Write", "ansible.builtin.template": write}, *_tasks()]
    given = [word for name, value in KNOWN.items() for word in ("-e", f"certificate_authority_{name}='{value}'")]
    return lambda *options: play(tmp_path, tasks, *given, *options, vars_files=list(map(str, files)))


def _tasks() -> list[dict[str, object]]:
    """Return what the role does between the making of the user and the timer, without becoming that user."""
    text = (ROLE / "tasks" / "main.yml").read_text().replace("become: true", "become: false")
    (block,) = [task["block"] for task in yaml.safe_load(text) if "block" in task]
    return [task for task in block if "ansible.builtin.import_role" not in task]


def fingerprint(folder: Path) -> str:
    command = ["openssl", "x509", "-in", f"{folder}/public/root.pem", "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return said.partition("=")[2].strip().replace(":", "").lower()


def test_a_root_is_made_on_a_word_shown_and_pinned(run: Run, tmp_path: Path) -> None:
    refused = run()
    assert refused.returncode != 0
    assert f"{tmp_path}/state/authority: there is no authority; mount or restore" in refused.stdout
    assert FIRST in refused.stdout
    assert not (tmp_path / "state").exists()

    made = run(*WORD)
    assert made.returncode == 0, made.stdout
    assert f"certificate_authority_root: {fingerprint(tmp_path)}" in made.stdout

    pinned = run("-e", f"certificate_authority_root={fingerprint(tmp_path)}")
    assert pinned.returncode == 0, pinned.stdout
    assert "certificate_authority_root" not in pinned.stdout
    assert "changed=1 " in pinned.stdout  # the settings


def test_where_the_state_of_a_pinned_root_is_gone_no_word_makes_another(run: Run, tmp_path: Path) -> None:
    assert run(*WORD).returncode == 0
    pin = fingerprint(tmp_path)
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "public")
    refused = run("-e", f"certificate_authority_root={pin}", *WORD)
    assert refused.returncode != 0
    assert f"the authority with the pinned root {pin} is not there; mount or restore its folder" in refused.stdout
    assert FIRST not in refused.stdout
    assert not (tmp_path / "public").exists()


def test_a_first_check_makes_nothing_and_passes(run: Run, tmp_path: Path) -> None:
    checked = run("--check", *WORD)
    assert checked.returncode == 0, checked.stdout
    assert not (tmp_path / "state").exists()
