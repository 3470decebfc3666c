"""What the role `runtime` installs, by its own commands: readable by the services' users, recorded when it starts."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE

TASKS = ANSIBLE / "roles" / "runtime" / "tasks"
BOUND = 240  # seconds: a virtual environment with pip is made
WHEEL = "mecai-0.1.0-py3-none-any.whl"


def _command(file: str, opt: Path) -> str:
    """Return the shell commands of a tasks file, for a folder of the test's and Ansible's variables put in."""
    (task,) = [task for task in yaml.safe_load((TASKS / file).read_text()) if "ansible.builtin.shell" in task]
    text = str(task["ansible.builtin.shell"]["cmd"]).replace("/opt/mecai", str(opt))
    text = text.replace("/usr/local/bin/mecai", str(opt / "linked")).replace("python3 -m", f"{sys.executable} -m")
    return text.replace("{{ __runtime_index }}", "").replace("{{ runtime_wheel | basename | quote }}", WHEEL)


def _run(command: str, opt: Path) -> "subprocess.CompletedProcess[str]":
    """Run it as on a host whose administrator wants files closed to others."""
    closed = f"umask 027\n{command}"
    return subprocess.run(
        ["/bin/sh", "-c", closed], cwd=opt, capture_output=True, text=True, timeout=BOUND, check=False
    )


def test_a_closed_umask_does_not_shut_the_services_out(tmp_path: Path) -> None:
    (incoming := tmp_path / "incoming").mkdir()
    (incoming / "requirements.txt").write_text("")
    ran = _run(_command("requirements.yml", tmp_path), tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = [path for path in (tmp_path / "venv").rglob("*") if not path.is_symlink()]
    assert len(found) > 100
    assert not [path for path in found if not path.stat().st_mode & (0o005 if path.is_dir() else 0o004)]


@pytest.mark.parametrize("starts", [True, False])
def test_a_wheel_is_recorded_only_when_its_command_starts(tmp_path: Path, starts: bool) -> None:
    (binaries := tmp_path / "venv" / "bin").mkdir(parents=True)
    for name, does in (("pip", "exit 0"), ("mecai", f"exit {0 if starts else 1}")):
        (binaries / name).write_text(f"#!/bin/sh\n{does}\n")
        (binaries / name).chmod(0o755)
    (tmp_path / WHEEL).write_text("a wheel")
    ran = _run(_command("mecai.yml", tmp_path), tmp_path)
    assert (ran.returncode == 0) is starts
    assert (tmp_path / "mecai.whl").exists() is starts
