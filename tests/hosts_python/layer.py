"""Debian packages over the hosts' image: a layer with what apt installs there, made once for each set of inputs.

`python -m tests.hosts_python.layer IMAGE WORKSHOP PACKAGE ...` makes one in WORKSHOP/upper; it wants a mount namespace
of its own, where what it mounts ends with it.
"""

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.limits import LIMITS
from testbed.provision.image import build
from tests.hosts_python.inside import STORE, mount_overlay

NO_SERVICES = "#!/bin/sh\nexit 101\n"  # policy-rc.d(8): nothing is started


def ensure(image: build.Image, listing: Path, log: Path, store: Path = STORE) -> Path:
    """Return the directory that overlays the image with the packages of a list; raises `HostError`."""
    names = packages(listing)
    inputs = "\0".join([image.hash, image.packages, *names])
    directory = store / f"debian-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}"
    if directory.is_dir():
        return directory
    store.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="installing-", dir=store) as workshop:
        command = [sys.executable, "-m", "tests.hosts_python.layer", str(image.root), workshop, *names]
        with build.explained(log):
            tools.run_logged(["unshare", "--mount", "--", *command], log, seconds=LIMITS.image_seconds)
        try:
            Path(workshop, "upper").rename(directory)
        except OSError as error:  # another run was faster, which is as good
            if not directory.is_dir():
                raise HostError(f"{directory}: cannot be made: {error}") from error
    return directory


def packages(listing: Path) -> list[str]:
    """Return the names of a list: one a line, each with its reason."""
    lines = listing.read_text(encoding="utf-8").splitlines()
    return sorted(words[0] for line in lines if (words := line.partition("#")[0].split()))


def _install(image: Path, workshop: Path, names: Sequence[str]) -> None:
    root = mount_overlay([image], workshop)
    tools.run(["mount", "-t", "proc", "proc", root / "proc"])
    tools.run(["mount", "--rbind", "/dev", root / "dev"])
    policy, options = root / "usr/sbin/policy-rc.d", root / "etc/apt/apt.conf.d/99layer"
    policy.write_text(NO_SERVICES, encoding="utf-8")
    policy.chmod(0o755)
    options.write_text("\n".join(build.acquire_options()), encoding="utf-8")
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    shutil.copyfile("/etc/resolv.conf", resolver)
    apt = ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    install = ["install", "--yes", "--no-install-recommends"]
    for arguments in (["update"], [*install, *names], ["clean"]):
        print(tools.run([*apt, *arguments], seconds=LIMITS.image_seconds))  # noqa: T201 - for the log
    policy.unlink()


def main(image: str, workshop: str, *names: str) -> int:
    """Make a layer; returns 3 when it cannot be, with the reason as the last line."""
    try:
        _install(Path(image), Path(workshop), names)
    except HostError as error:
        print(f"E: {error}", file=sys.stderr)  # noqa: T201 - a program
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
