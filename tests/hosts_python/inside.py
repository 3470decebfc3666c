"""`python -m tests.hosts_python.inside IMAGE PACKAGES ARGUMENT ...`: what runs in namespaces of its own."""

import os
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import NoReturn

from testbed.machine import tools
from testbed.machine.lab import CACHE, REPOSITORY

STORE = CACHE / "hosts-python"
RESULTS = REPOSITORY / "build" / "tests"
# Beside the system's own folders, as `.venv` is.
PACKAGES = Path("/opt/checkout/packages")
PROJECT = Path("/opt/checkout/project")
COMMANDS = Path("/opt/checkout/bin")
ENVIRONMENT = {
    "HOME": "/root",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # noqa: S108 - in the memory of this one run
    "LANG": "C.UTF-8",
    "PATH": f"{COMMANDS}:/usr/sbin:/usr/bin",
    "PYTHONPATH": f"{REPOSITORY}:{PROJECT}:{PACKAGES}",
}


def _mount_root(image: Path, packages: Path) -> Path:
    """Lay out the root directory; every mount ends with the namespace."""
    memory = STORE / "memory"
    memory.mkdir(exist_ok=True)
    tools.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", memory])
    layers = {"lowerdir": image, "upperdir": memory / "upper", "workdir": memory / "work"}
    root = memory / "root"
    for directory in (layers["upperdir"], layers["workdir"], root):
        directory.mkdir()
    tools.run(["mount", "-t", "overlay", "-o", ",".join(f"{k}={v}" for k, v in layers.items()), "overlay", root])
    tools.run(["mount", "-t", "proc", "proc", root / "proc"])
    tools.run(["mount", "--rbind", "/dev", root / "dev"])
    _bind(packages, _below(root, PACKAGES), "rw")  # where Python keeps what it compiled
    _bind(REPOSITORY, _below(root, REPOSITORY), "ro")
    _bind(RESULTS, _below(root, RESULTS), "rw")
    return root


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _bind(source: Path, point: Path, access: str) -> None:
    point.mkdir(parents=True, exist_ok=True)
    tools.run(["mount", "-o", f"bind,{access}", source, point])


def _install_project(root: Path) -> None:
    """Write what pip would, had it installed the project as it is: its metadata and its commands."""
    project = distribution("mecai")
    for name in ("METADATA", "entry_points.txt"):
        _write(_below(root, PROJECT) / f"mecai-{project.version}.dist-info" / name, project.read_text(name) or "")
    for command in project.entry_points.select(group="console_scripts"):
        text = f"#!/usr/bin/python3\nfrom {command.module} import {command.attr}\nraise SystemExit({command.attr}())\n"
        _write(_below(root, COMMANDS) / command.name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def main(image: str, packages: str, *arguments: str) -> NoReturn:
    """Become the image's Python."""
    root = _mount_root(Path(image), Path(packages))
    _install_project(root)
    tools.run(["ip", "link", "set", "lo", "up"])
    os.chroot(root)
    os.chdir(REPOSITORY)
    os.execve("/usr/bin/python3", ["/usr/bin/python3", *arguments], ENVIRONMENT)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
