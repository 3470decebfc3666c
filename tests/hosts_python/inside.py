"""`python -m tests.hosts_python.inside LAYERS PACKAGES ARGUMENT ...`: what runs in namespaces of its own.

LAYERS: the image's root directory, before it what lies over it, with colons between them.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, distribution, distributions
from pathlib import Path
from typing import NoReturn

from testbed.machine import tools
from testbed.machine.lab import CACHE, REPOSITORY

STORE = CACHE / "hosts-python"
RESULTS = REPOSITORY / "build" / "tests"
MODULES = REPOSITORY / "build" / "nginx_module_shim"  # built anew inside, for the nginx that is there

# Inside: a virtual environment, as `.venv` is outside.
VENV = Path("/opt/checkout")
PACKAGES = Path("/opt/packages")
ENVIRONMENT = {
    "HOME": "/root",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # noqa: S108 - in the memory of this one run
    "LANG": "C.UTF-8",
    "PATH": f"{VENV}/bin:/usr/sbin:/usr/bin",
}


def mount_overlay(lower: Sequence[Path], place: Path) -> Path:
    """Mount directories, the first on top, with changes kept in `place/upper`; return where."""
    root, upper, work = directories = [place / name for name in ("root", "upper", "work")]
    for directory in directories:
        directory.mkdir()
    layers = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    tools.run(["mount", "-t", "overlay", "-o", layers, "overlay", root])
    return root


def _mount_root(layers: Sequence[Path], packages: Path) -> Path:
    """Lay out the root directory; every mount ends with the namespace."""
    memory = STORE / "memory"
    memory.mkdir(exist_ok=True)
    tools.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", memory])
    root = mount_overlay(layers, memory)
    _have_resolver(root / "etc/resolv.conf")
    tools.run(["mount", "-t", "proc", "proc", root / "proc"])
    tools.run(["mount", "--rbind", "/dev", root / "dev"])
    _bind(packages, _below(root, PACKAGES), "rw")  # where Python keeps what it compiled
    _bind(REPOSITORY, _below(root, REPOSITORY), "ro")
    _bind(RESULTS, _below(root, RESULTS), "rw")
    modules = memory / "modules"
    modules.mkdir()
    _bind(modules, _below(root, MODULES), "rw")
    return root


def _have_resolver(path: Path) -> None:
    """Have a file of name servers, which names none: tests mount theirs over it, and a host's own points elsewhere."""
    path.unlink(missing_ok=True)
    path.touch()


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _bind(source: Path, point: Path, access: str) -> None:
    point.mkdir(parents=True, exist_ok=True)
    tools.run(["mount", "-o", f"bind,{access}", source, point])


def _make_venv(root: Path, packages: Path) -> None:
    """Make an environment of the packages and, as it lies there, the project."""
    tools.run(["chroot", root, "python3", "-m", "venv", "--without-pip", VENV])
    venv, project = _below(root, VENV), distribution("mecai")
    (library,) = (venv / "lib").glob("python3.*/site-packages")
    _write(library / "checkout.pth", f"{PACKAGES}\n{REPOSITORY}\n")
    for name in ("METADATA", "entry_points.txt"):
        _write(library / f"mecai-{project.version}.dist-info" / name, project.read_text(name) or "")
    for installed in (project, *distributions(path=[str(packages)])):
        for command in installed.entry_points.select(group="console_scripts"):
            _write_command(venv / "bin" / command.name, command)


def _write_command(path: Path, command: EntryPoint) -> None:
    """Write what pip would have written."""
    call = f"from {command.module} import {command.attr}\nraise SystemExit({command.attr}())\n"
    _write(path, f"#!{VENV}/bin/python\n{call}")
    path.chmod(0o755)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(layers: str, packages: str, *arguments: str) -> NoReturn:
    """Become the image's Python."""
    root = _mount_root([Path(layer) for layer in layers.split(":")], Path(packages))
    _make_venv(root, Path(packages))
    tools.run(["ip", "link", "set", "lo", "up"])
    os.chroot(root)
    os.chdir(REPOSITORY)
    python = str(VENV / "bin" / "python")
    os.execve(python, [python, *arguments], ENVIRONMENT)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
