"""`python -m tests.hosts_python.newer ARGUMENT ...`: as `tests.hosts_python`, with Debian unstable.

Its nginx, OpenSSL and Python are newer than any host's. The image is made once and kept, though
unstable goes on: remove it (its path is printed) to have what is there today.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.lab import REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.provision.image import build, workshop
from tests.hosts_python import layer
from tests.hosts_python.inside import RESULTS
from tests.hosts_python.prepare import enter, install_packages, obstacle

SUITE = "sid"
LISTING = REPOSITORY / "requirements" / "debian-hosts-test.txt"
# What the hosts' image has of nginx, and what the tests need to build and to look.
INSTALLED = (
    *("build-essential", "curl", "iproute2", "libnginx-mod-mail", "libnginx-mod-stream", "libssl-dev", "nginx"),
    *("nginx-dev", "openssl", "procps", "python3", "python3-venv"),
)


def wanted() -> build.Image:
    """Return the image, built or not."""
    inputs = "\0".join([SUITE, *build.OPTIONS, *_packages()])
    return build.Image(f"{SUITE}-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}")


def ensure(image: build.Image, log: Path) -> None:
    """Build the image unless it is cached; raises `HostError`."""
    with workshop.lock(image.directory, print):
        if image.built:
            return
        with workshop.opened(image.directory) as place, build.explained(log):
            command = ["mmdebstrap", *build.OPTIONS, *(f"--aptopt={line}" for line in build.acquire_options())]
            command += [f"--include={','.join(_packages())}", SUITE, str(place / "root"), build.mirror()]
            tools.run_logged(command, log, seconds=LIMITS.image_seconds, environment={"TMPDIR": "/tmp"})  # noqa: S108
            place.rename(image.directory)


def _packages() -> list[str]:
    return sorted({*INSTALLED, *layer.packages(LISTING)})


def main(arguments: Sequence[str]) -> int:
    """Prepare what is missing, and become the program; returns only when that cannot be."""
    if reason := obstacle():
        print(f"newer: {reason}", file=sys.stderr)  # noqa: T201 - a program
        return 3
    try:
        image = wanted()
        print(f"newer: {image.root}", flush=True)  # noqa: T201 - a program
        ensure(image, RESULTS / "newer.log")
        said = tools.run(["chroot", image.root, "python3", "--version"])
        enter([image.root], install_packages(python=".".join(said.split()[1].split(".")[:2])), arguments)
    except HostError as error:
        print(f"newer: {error}", file=sys.stderr)  # noqa: T201 - a program
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
