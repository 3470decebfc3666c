"""`scripts/host-packages` says in one line what is wrong; what it makes is put to use by `tests/deploy`."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "host-packages"


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "mine"
    ran = subprocess.run([sys.executable, SCRIPT, missing], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr == f"host-packages: {missing}: no such folder; expected that of an inventory\n"
    assert not missing.exists()


def test_a_python_that_cannot_build_says_which_one_can(tmp_path: Path) -> None:
    """As where the environment was not activated: a Python that sees nothing but its own library."""
    command = [sys.executable, "-S", SCRIPT, tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={})
    assert ran.returncode == 3
    reason = "has no pip and no setuptools: make deps, then . .venv/bin/activate"
    assert ran.stderr == f"host-packages: {sys.executable} {reason}\n"
    assert not list(tmp_path.iterdir())
