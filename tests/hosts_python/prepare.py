"""Whether this machine can run the hosts' Python, and the packages that the tests need there."""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.lab import REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.provision.image import build
from tests.hosts_python.inside import STORE

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


def install_packages(store: Path = STORE) -> Path:
    """Return the directory with the packages of the tests for the hosts' Python; filled once for each set of inputs."""
    options = build.pip_options()
    inputs = [*options, REQUIREMENTS.read_text(encoding="utf-8")]
    directory = store / hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    if directory.is_dir():
        return directory
    store.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="installing-", dir=store) as workshop:
        target = Path(workshop, "packages")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *options]
        tools.run([*command, f"--requirement={REQUIREMENTS}", f"--target={target}"], seconds=LIMITS.image_seconds)
        try:
            target.rename(directory)
        except OSError as error:  # another run was faster, which is as good
            if not directory.is_dir():
                raise HostError(f"{directory}: cannot be made: {error}") from error
    return directory
