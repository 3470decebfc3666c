"""Whether this machine can run the hosts' Python, and the packages that the tests need there."""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.lab import REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.provision.image import build
from tests.hosts_python.inside import MODULES, RESULTS, STORE

NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--"]
REQUIREMENTS = REPOSITORY / "requirements" / "dev.txt"


def obstacle() -> str:
    """Say why this machine cannot do it, or need not; empty when it can."""
    if "{}.{}".format(*sys.version_info[:2]) == build.PYTHON:
        return f"this is Python {build.PYTHON} already"
    if os.geteuid() != 0:
        return "root is needed to enter the image"
    if shutil.which("dpkg") is None:
        return "this machine is not Debian"
    if missing := tools.missing():
        return f"this machine lacks {', '.join(missing)}"
    return ""


def install_packages(store: Path = STORE, python: str = build.PYTHON) -> Path:
    """Return the directory with the packages of the tests for the hosts' Python; filled once for each set of inputs."""
    options = [option.replace(build.PYTHON, python) for option in build.pip_options()]
    inputs = [*options, requirements(python)]
    directory = store / hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    if directory.is_dir():
        return directory
    store.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="installing-", dir=store) as workshop:
        target = Path(workshop, "packages")
        pinned = Path(workshop, "requirements.txt")
        pinned.write_text(inputs[-1], encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *options]
        tools.run([*command, f"--requirement={pinned}", f"--target={target}"], seconds=LIMITS.image_seconds)
        try:
            target.rename(directory)
        except OSError as error:  # another run was faster, which is as good
            if not directory.is_dir():
                raise HostError(f"{directory}: cannot be made: {error}") from error
    return directory


def requirements(python: str) -> str:
    """Return the pinned packages; the fuzzer is made for each Python apart, and no test of another Python fuzzes."""
    text = REQUIREMENTS.read_text(encoding="utf-8")
    return text if python == build.PYTHON else re.sub(r"(?m)^atheris==.*\n(?: .*\n)*", "", text)


def enter(layers: Sequence[Path], packages: Path, arguments: Sequence[str]) -> NoReturn:
    """Become Python inside these layers, the first on top, in namespaces of its own."""
    for folder in (RESULTS, MODULES):
        folder.mkdir(parents=True, exist_ok=True)
    below = ":".join(map(str, layers))
    inside = [sys.executable, "-m", "tests.hosts_python.inside", below, packages, *arguments]
    tools.become([*NAMESPACES, *map(str, inside)])
