"""The lists of packages are installed as they are pinned, whatever was published since and whichever pip installs them.

Each test runs the real step (scripts/bootstrap, the role `runtime`, the image's last step) against an index that also
offers a newer release of every package, with Debian 12's pip, Debian 13's and the newest.
"""

import re
import socket
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.integration.package_index import read_pins
from tests.integration.played_machine import LISTS, NEWEST, ROOT, SECONDS, Host, Machine

PIPS = ["23.0.1", "25.1.1", NEWEST]
TOO_OLD = "22.3.1"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real wheels: the pips under test and the pinned setuptools, which builds the project."""
    folder = tmp_path_factory.mktemp("wheels")
    older = re.findall(r"^pip==.*", (LISTS / "test-pips.txt").read_text(), flags=re.MULTILINE)
    newest = [pin.block for pin in read_pins((LISTS / "dev.txt").read_text()) if pin.name in {"pip", "setuptools"}]
    for number, lines in enumerate([*older, "".join(newest)]):
        wanted = folder / f"{number}.txt"
        wanted.write_text(lines)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, f"--dest={folder}", f"--requirement={wanted}"], check=True, timeout=SECONDS)
    return folder


def make_checkout(machine: Machine) -> None:
    """Give the machine what scripts/bootstrap works on: our lists and scripts, and a project of one package."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "mecai/__init__.py", "scripts/bootstrap", "scripts/cause"):
        copy = machine.checkout / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod(0o755)
    (machine.checkout / "requirements" / "debian-lab.txt").touch()
    machine.pin("pip.txt")
    machine.pin("dev.txt")


def shorten(machine: Machine, *, digest: str) -> None:
    """Let the list of packages be one pin, with this hash."""
    (machine.checkout / "requirements" / "dev.txt").write_text(f"pip=={NEWEST} --hash=sha256:{digest}\n")


def installed(venv: Path) -> dict[str, str]:
    """Read what is installed: package and version."""
    folder = next(venv.glob("lib/python3.*/site-packages"))
    return {re.sub(r"[-_.]+", "-", found.name).lower(): found.version for found in distributions(path=[str(folder)])}


def pinned(name: str) -> dict[str, str]:
    """Read what a list pins: package and version."""
    return {pin.name: pin.version for pin in read_pins((LISTS / name).read_text())}


@pytest.mark.parametrize("pip", PIPS)
def test_bootstrap_installs_what_is_pinned(tmp_path: Path, wheels: Path, pip: str) -> None:
    machine = Machine(tmp_path, wheels, pip)
    make_checkout(machine)
    done = machine.run("scripts/bootstrap", "lab")
    assert done.returncode == 0, done.stderr
    found = installed(machine.checkout / ".venv")
    assert found.pop("mecai")
    assert found == pinned("dev.txt")


@pytest.mark.parametrize("pip", PIPS)
def test_the_role_installs_what_is_pinned(tmp_path: Path, wheels: Path, pip: str) -> None:
    host = Host(tmp_path, wheels, pip)
    (host.opt / "incoming").mkdir()
    (host.opt / "incoming" / "requirements.txt").write_text(host.pin("runtime.txt"))
    tasks = yaml.safe_load((ROOT / "ansible/roles/runtime/tasks/requirements.yml").read_text())
    (block,) = [task["block"] for task in tasks if "block" in task]
    command = block[0]["ansible.builtin.shell"]["cmd"]
    done = host.run("sh", "-c", host.here(jinja2.Template(command).render(__runtime_index="")))
    assert done.returncode == 0, done.stderr
    found = installed(host.opt / "venv")
    assert found.pop("pip") == pip
    assert found == pinned("runtime.txt")
    assert (host.opt / "requirements.txt").exists()


def test_the_image_holds_what_is_pinned(tmp_path: Path, wheels: Path) -> None:
    host = Host(tmp_path, wheels, "25.1.1")
    host.pin("runtime.txt")
    host.index.copy_wheels(tmp_path / "wheelhouse")
    host.program("systemctl", "exit 0")
    host.program("chroot", 'root=$1; shift; exec "${@//\\/opt\\/mecai/$root/opt/mecai}"')
    folders = ("etc/systemd/system", "etc/ssh/sshd_config.d", "etc/ssl", "etc/dovecot/private", "usr", "var")
    for folder in folders:
        (host.root / folder).mkdir(parents=True)
    keys = [host.root / "etc/ssl/ssl-cert-snakeoil.key", host.root / "etc/dovecot/private/dovecot.key"]
    for key in keys:  # what packages make at their installation, and every host would have
        key.touch()
    requirements = str(host.checkout / "requirements" / "runtime.txt")
    script = ROOT / "testbed/provision/image/customise.sh"
    done = host.run(script, host.root, WHEELHOUSE=str(tmp_path / "wheelhouse"), REQUIREMENTS=requirements)
    assert done.returncode == 0, done.stderr
    assert not any(key.exists() for key in keys)
    found = installed(host.opt / "venv")
    assert found.pop("pip") == "25.1.1"
    assert found == pinned("runtime.txt")


def test_a_pip_that_is_too_old_is_replaced_first(tmp_path: Path, wheels: Path) -> None:
    machine = Machine(tmp_path, wheels, TOO_OLD)
    make_checkout(machine)
    shorten(machine, digest="0" * 64)
    machine.run("scripts/bootstrap", "lab")
    assert installed(machine.checkout / ".venv") == {"pip": NEWEST}


def test_a_wrong_hash_is_named(tmp_path: Path, wheels: Path) -> None:
    machine = Machine(tmp_path, wheels, "23.0.1")
    make_checkout(machine)
    shorten(machine, digest="0" * 64)
    done = machine.run("scripts/bootstrap", "lab")
    assert done.returncode == 3
    assert done.stderr.startswith(
        "bootstrap: pip could not install requirements/dev.txt: ERROR: THESE PACKAGES DO NOT MATCH"
    )
    assert re.search(r"pip==\S+ from \S+ .*: Expected sha256 0{64} Got ", done.stderr)
    assert done.stderr.endswith("(see build/bootstrap.log)\n")
    assert done.stderr.count("\n") == 1


def test_an_index_that_does_not_answer_is_named(tmp_path: Path, wheels: Path) -> None:
    machine = Machine(tmp_path, wheels, "23.0.1")
    make_checkout(machine)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        done = machine.run(
            "scripts/bootstrap", "lab", PIP_INDEX_URL=f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        )
    assert done.returncode == 3
    assert done.stderr.startswith("bootstrap: pip could not install requirements/dev.txt: WARNING: Retrying")
    assert "Connection refused" in done.stderr


FETCHING = """Reading package lists...
E: Failed to fetch http://mirror.example/a.deb  404  Not Found
E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?
"""
CONFIGURING = """dpkg: error processing package knot (--configure):
 installed knot script returned 1
Errors were encountered while processing:
 knot
E: Sub-process /usr/bin/dpkg returned an error code (1)
"""


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (FETCHING, "E: Failed to fetch http://mirror.example/a.deb  404  Not Found"),
        (CONFIGURING, "dpkg: error processing package knot (--configure): installed knot script returned 1"),
        ("Making it.\nNo space left on device\n\n", "No space left on device"),
        ("", "it said nothing"),
    ],
    ids=["apt", "dpkg", "another", "silent"],
)
def test_the_cause_is_the_telling_line(tmp_path: Path, log: str, cause: str) -> None:
    (tmp_path / "log").write_text(log)
    done = subprocess.run([ROOT / "scripts/cause", tmp_path / "log"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{cause}\n"
