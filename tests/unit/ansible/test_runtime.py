"""What the role `runtime` installs, by its own commands: readable by the services' users, recorded when it starts."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "runtime"
TASKS = ROLE / "tasks"
BOUND = 240  # seconds: a virtual environment with pip is made
WHEEL = "mecai-0.1.0-py3-none-any.whl"


def _command(file: str, opt: Path) -> str:
    """Return the shell commands of a tasks file, for a folder of the test's and Ansible's variables put in."""
    (block,) = [task["block"] for task in yaml.safe_load((TASKS / file).read_text()) if "block" in task]
    text = str(block[0]["ansible.builtin.shell"]["cmd"]).replace("/opt/mecai", str(opt))
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
def test_a_wheel_takes_the_place_of_the_old_one_only_when_its_command_starts(tmp_path: Path, starts: bool) -> None:
    (binaries := tmp_path / "venv" / "bin").mkdir(parents=True)
    (binaries / "pip").write_text("#!/bin/sh\ntouch installed\n")
    (binaries / "pip").chmod(0o755)
    (binaries / "python").symlink_to(sys.executable)
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        wheel.writestr("mecai/__init__.py", "")
        wheel.writestr("mecai/cli/__init__.py", "" if starts else "import what_the_requirements_lack")
        wheel.writestr("mecai/cli/main.py", "import sys\ndef main(): sys.exit(sys.argv[1:] != ['--version'])\n")
    ran = _run(_command("mecai.yml", tmp_path), tmp_path)
    assert (ran.returncode == 0) is starts
    assert (tmp_path / "installed").exists() is starts
    assert (tmp_path / "mecai.whl").exists() is starts


def test_wheels_for_another_python_end_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    wheel = tmp_path / "wheels" / "cffi-1.17.1-cp27-cp27mu-manylinux1_x86_64.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"a wheel")
    digest = hashlib.sha256(b"a wheel").hexdigest()
    (tmp_path / "runtime.txt").write_text(f"cffi==1.17.1 --hash=sha256:{digest}\n")
    text = (TASKS / "requirements.yml").read_text().replace("/opt/mecai", f"{tmp_path}/opt")
    tasks = yaml.safe_load(text.replace("python3 -m", f"{sys.executable} -m"))
    for task in tasks[:2]:
        (module,) = (task[name] for name in ("ansible.builtin.file", "ansible.builtin.copy") if name in task)
        del module["owner"], module["group"]
    (variables := tmp_path / "vars.yml").write_text(
        (ROLE / "vars" / "main.yml").read_text().replace("/opt/mecai", f"{tmp_path}/opt")
    )
    given = {
        "inventory_dir": "mine",
        "runtime_wheelhouse": str(wheel.parent),
        "runtime_requirements": str(tmp_path / "runtime.txt"),
    }
    ran = play(tmp_path, tasks, "-e", json.dumps(given), vars_files=[str(variables)])
    said = re.findall(r'"msg": "([^"]*runtime.txt: not installed: .*)"', ran.stdout)
    assert re.fullmatch(
        r".*No matching distribution found for cffi==1.17.1; "
        r"fill the folder with wheels for the Python of this host: scripts/host-packages mine --wheelhouse",
        said[-1],
    )
    assert not (tmp_path / "opt" / "requirements.txt").exists()


@pytest.mark.parametrize(("knows", "said"), [(True, None), (False, "apt-get update on this host first")])
def test_a_check_says_that_apt_knows_no_packages(tmp_path: Path, knows: bool, said: str | None) -> None:
    (tmp_path / "apt-cache").write_text(f"#!/bin/sh\n{'echo Package: python3-venv' if knows else 'true'}\n")
    (tmp_path / "apt-cache").chmod(0o755)
    words = {"vars_files": [f"{ROLE}/vars/main.yml"], "environment": {"PATH": f"{tmp_path}:/usr/bin:/bin"}}
    ran = play(tmp_path, yaml.safe_load((TASKS / "packages.yml").read_text()), "--check", **words)
    assert (ran.returncode == 0) is knows
    assert said is None or re.search(rf'"msg": "apt knows no package python3-venv: {said}', ran.stdout)
