"""A Debian 13 as its installer leaves it: systemd, SSH, sudo, Python; nothing of what the roles install.

What they install lies in a folder of the image that stands for Debian's mirror, since the hosts reach no other.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from testbed.machine import tools
from testbed.machine.lab import REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note
from testbed.provision.image import build, workshop

INSTALLED = ("dbus", "iproute2", "openssh-server", "python3", "python3-apt", "sudo", "systemd-sysv")
RESOLVER = "unbound"
BACK = ("python3-apt",)  # installed, and taken away by a test of hosts that lack it
# apt's lists stay: the hosts know what the mirror offers.
_OPTIONS = (*build.OPTIONS, "--skip=cleanup/apt")
_PLAIN = Path(__file__).with_name("plain.sh")


def wanted() -> build.Image:
    """Return the image that this checkout asks for."""
    hooks = [path.read_text(encoding="utf-8") for path in (_PLAIN, build.CONTAINER)]
    inputs = [build.SUITE, *_OPTIONS, *INSTALLED, *_offered(), *hooks]
    digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    return build.Image(f"plain-{digest[:16]}")


def ensure(image: build.Image, log: Path, note: Note) -> None:
    """Build the image unless it is cached; raises `HostError`."""
    with workshop.lock(image.directory, note):
        if image.built:
            return
        with workshop.opened(image.directory) as place, build.explained(log):
            command = ["mmdebstrap", *_OPTIONS, *(f"--aptopt={line}" for line in build.acquire_options())]
            command += [f"--include={','.join(INSTALLED)}"]
            command += [f"--customize-hook={hook}" for hook in (_PLAIN, build.CONTAINER)]
            command += [build.SUITE, str(place / "root"), build.mirror()]
            environment = {"PACKAGES": " ".join(_offered()), "TMPDIR": "/tmp"}  # noqa: S108 - a path in the new root
            tools.run_logged(command, log, seconds=LIMITS.image_seconds, environment=environment)
            place.rename(image.directory)


def _offered() -> list[str]:
    """List the packages that any role installs, and what answers the hosts' DNS."""
    files = sorted((REPOSITORY / "ansible" / "roles").glob("*/tasks/*.yml"))
    tasks = [task for path in files for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")))]
    names = [task["ansible.builtin.apt"].get("name", []) for task in tasks if "ansible.builtin.apt" in task]
    return sorted({RESOLVER, *BACK, *(name for each in names for name in ([each] if isinstance(each, str) else each))})


def _tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        yield from _tasks(task.get("block", []))
