"""Build the base image with mmdebstrap, once for each set of inputs; a half-built one is never used.

An image is the directory `images/HASH/root`, HASH over everything that decides its content. It is built under another
name and renamed when complete, so that its existence is the stamp. Which mirror it came from is not part of it: that
is the machine's own apt configuration.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.lab import CACHE, REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note
from testbed.provision.image import workshop

_HERE = Path(__file__).parent
# Makes a Debian a host in a container.
CONTAINER = _HERE / "container.sh"
_CAUSE = REPOSITORY / "scripts" / "cause"
SUITE = "trixie"
PYTHON = "3.13"
OPTIONS = [
    "--mode=root",
    "--variant=apt",
    "--format=directory",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
]
# Wheels are for the hosts, whose glibc is 2.41: every manylinux level that a pinned package publishes.
_MANYLINUX = ["manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014"]
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_PROGRESS = re.compile(r"I: (.*?)(?:\.\.\.)?$")


@dataclass(frozen=True)
class Image:
    """An image, built or not: the hash of its inputs, and where it is kept."""

    hash: str
    cache: Path = CACHE / "images"

    @property
    def directory(self) -> Path:
        """The image's directory in the cache; it exists only when the image is complete."""
        return self.cache / self.hash

    @property
    def root(self) -> Path:
        """The root file system."""
        return self.directory / "root"

    @property
    def packages(self) -> str:
        """A hash of the packages that are in it, by version: images with the same inputs may differ in that."""
        return hashlib.sha256((self.root / "var/lib/dpkg/status").read_bytes()).hexdigest()[:16]

    @property
    def built(self) -> bool:
        """Whether it is in the cache."""
        return self.root.is_dir()


def wanted() -> Image:
    """Return the image that this checkout asks for."""
    inputs = [
        SUITE,
        architecture(),
        *OPTIONS,
        *_packages(),
        (_HERE / "customise.sh").read_text(encoding="utf-8"),
        CONTAINER.read_text(encoding="utf-8"),
        _requirements().read_text(encoding="utf-8"),
    ]
    return Image(hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16])


def ensure(image: Image, log: Path, note: Note) -> bool:
    """Build the image unless it is cached; returns whether it was built. Raises `HostError`."""
    with workshop.lock(image.directory, note):
        if image.built:
            return False
        with workshop.opened(image.directory) as place:
            note("downloading Python packages")
            _download_wheels(place / "wheelhouse", log)
            _bootstrap(place, log, note)
            shutil.rmtree(place / "wheelhouse")
            place.rename(image.directory)
        return True


def pip_options() -> list[str]:
    """Return the options with which this machine's pip chooses wheels for the hosts' Python; raises `HostError`."""
    machine = _MACHINES[architecture()]
    platforms = [f"--platform={level}_{machine}" for level in _MANYLINUX]
    pinned = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    return [*pinned, "--implementation=cp", f"--python-version={PYTHON}", *platforms]


def mirror() -> str:
    """Return the address of the Debian archive that this machine's apt uses; raises `HostError`."""
    if not _sites():
        tools.run(["apt-get", "update"], seconds=LIMITS.apt_update_seconds)  # without its lists, apt names no target
    if not (sites := _sites()):
        raise HostError("apt: knows no mirror of the Debian archive: add one to /etc/apt/sources.list.d")
    return sites[0]


def _sites() -> list[str]:
    form = "$(COMPONENT) $(RELEASE) $(SITE)"
    listing = tools.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    return [
        site
        for component, release, site in (line.split() for line in listing.splitlines())
        if component == "main" and "-" not in release and site.rstrip("/").endswith("/debian")
    ]


def _bootstrap(place: Path, log: Path, note: Note) -> None:
    def show(line: str) -> None:
        if progress := _PROGRESS.match(line):
            note(progress[1])

    command = [
        "mmdebstrap",
        *OPTIONS,
        *(f"--aptopt={line}" for line in acquire_options()),
        f"--include={','.join(_packages())}",
        *(f"--customize-hook={hook}" for hook in (_HERE / "customise.sh", CONTAINER)),
        SUITE,
        str(place / "root"),
        mirror(),
    ]
    environment = {
        "WHEELHOUSE": str(place / "wheelhouse"),
        "REQUIREMENTS": str(_requirements()),
        "TMPDIR": "/tmp",  # noqa: S108 - a path inside the new root, for its own tools
    }
    with explained(log):
        tools.run_logged(command, log, seconds=LIMITS.image_seconds, environment=environment, on_line=show)


def acquire_options() -> list[str]:
    """Take over how this machine's apt reaches its mirror: proxies, certificates, validity checks (apt.conf(5))."""
    wanted_keys = re.compile(r"Acquire::(https?::.*|Check-Valid-Until|Check-Date|Max-FutureTime) ")
    return [line for line in tools.run(["apt-config", "dump"]).splitlines() if wanted_keys.match(line)]


def _download_wheels(directory: Path, log: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", *pip_options()]
    command += [f"--requirement={_requirements()}", f"--dest={directory}"]
    with explained(log):
        tools.run_logged(command, log, seconds=LIMITS.image_seconds)


@contextmanager
def explained(log: Path) -> Iterator[None]:
    """Say of a download that failed what its log has as the cause, not how it ended."""
    try:
        yield
    except HostError as error:
        raise HostError(f"{error}; cause: {tools.answer([_CAUSE, log])}") from error


def _packages() -> list[str]:
    lines = (_HERE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return [words[0] for line in lines if (words := line.partition("#")[0].split())]


def _requirements() -> Path:
    return REPOSITORY / "requirements" / "runtime.txt"


def architecture() -> str:
    """Return the Debian name of this machine's architecture; raises `HostError` for one that no image is made for."""
    name = tools.run(["dpkg", "--print-architecture"]).strip()
    if name not in _MACHINES:
        raise HostError(f"architecture {name}: the lab's hosts are {' or '.join(_MACHINES)}")
    return name
