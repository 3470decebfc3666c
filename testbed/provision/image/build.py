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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError
from testbed.machine import locks, mounts, tools
from testbed.machine.lab import CACHE, REPOSITORY
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note, until

_HERE = Path(__file__).parent
_UNFINISHED = ".building"
_SUITE = "trixie"
PYTHON = "3.13"
_OPTIONS = [
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
    def built(self) -> bool:
        """Whether it is in the cache."""
        return self.root.is_dir()


def wanted() -> Image:
    """Return the image that this checkout asks for."""
    inputs = [
        _SUITE,
        _architecture(),
        *_OPTIONS,
        *_packages(),
        (_HERE / "customise.sh").read_text(encoding="utf-8"),
        _requirements().read_text(encoding="utf-8"),
    ]
    return Image(hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16])


def ensure(image: Image, log: Path, note: Note) -> bool:
    """Build the image unless it is cached; returns whether it was built. Raises `HostError`."""
    with _lock(image, note):
        if image.built:
            return False
        with _workshop(image) as workshop:
            note("downloading Python packages")
            _download_wheels(workshop / "wheelhouse")
            _bootstrap(workshop, log, note)
            shutil.rmtree(workshop / "wheelhouse")
            workshop.rename(image.directory)
        return True


def pip_options() -> list[str]:
    """Return the options with which this machine's pip chooses wheels for the hosts' Python; raises `HostError`."""
    machine = _MACHINES[_architecture()]
    platforms = [f"--platform={level}_{machine}" for level in _MANYLINUX]
    pinned = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    return [*pinned, "--implementation=cp", f"--python-version={PYTHON}", *platforms]


def clear_unfinished(cache: Path = CACHE / "images") -> None:
    """Unmount and remove what builds left that were killed; a build that goes on is left alone."""
    for workshop in cache.glob(f"*{_UNFINISHED}"):
        with suppress(locks.Held), locks.hold(_lock_of(Image(workshop.stem, cache))):
            _clear(workshop)


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


def _bootstrap(workshop: Path, log: Path, note: Note) -> None:
    def show(line: str) -> None:
        if progress := _PROGRESS.match(line):
            note(progress[1])

    command = [
        "mmdebstrap",
        *_OPTIONS,
        *(f"--aptopt={line}" for line in _acquire_options()),
        f"--include={','.join(_packages())}",
        f"--customize-hook={_HERE / 'customise.sh'}",
        _SUITE,
        str(workshop / "root"),
        mirror(),
    ]
    environment = {
        "WHEELHOUSE": str(workshop / "wheelhouse"),
        "REQUIREMENTS": str(_requirements()),
        "TMPDIR": "/tmp",  # noqa: S108 - a path inside the new root, for its own tools
    }
    tools.run_logged(command, log, seconds=LIMITS.image_seconds, environment=environment, on_line=show)


def _acquire_options() -> list[str]:
    """Take over how this machine's apt reaches its mirror: proxies, certificates, validity checks (apt.conf(5))."""
    wanted_keys = re.compile(r"Acquire::(https?::.*|Check-Valid-Until|Check-Date|Max-FutureTime) ")
    return [line for line in tools.run(["apt-config", "dump"]).splitlines() if wanted_keys.match(line)]


def _download_wheels(directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", *pip_options()]
    tools.run([*command, f"--requirement={_requirements()}", f"--dest={directory}"], seconds=LIMITS.image_seconds)


@contextmanager
def _workshop(image: Image) -> Iterator[Path]:
    """Give a new directory to build in, next to the image; nothing of it stays, however the build ends."""
    workshop = image.cache / f"{image.hash}{_UNFINISHED}"
    _clear(workshop)
    workshop.mkdir()
    try:
        yield workshop
    finally:
        _clear(workshop)


def _clear(workshop: Path) -> None:
    mounts.release(workshop)  # mmdebstrap mounts /proc and /sys in the new root while it works
    if workshop.exists():
        shutil.rmtree(workshop)


@contextmanager
def _lock(image: Image, note: Note) -> Iterator[None]:
    with ExitStack() as held:

        def acquire() -> bool:
            try:
                held.enter_context(locks.hold(_lock_of(image)))
            except locks.Held as error:
                note(f"waiting for process {error.holder}, which builds this image")
                return False
            return True

        until(acquire, LIMITS.image_seconds, lambda: f"image {image.hash}: another build of it does not end")
        yield


def _lock_of(image: Image) -> Path:
    return image.cache / f"{image.hash}.lock"


def _packages() -> list[str]:
    lines = (_HERE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return [words[0] for line in lines if (words := line.partition("#")[0].split())]


def _requirements() -> Path:
    return REPOSITORY / "requirements" / "runtime.txt"


def _architecture() -> str:
    name = tools.run(["dpkg", "--print-architecture"]).strip()
    if name not in _MACHINES:
        raise HostError(f"architecture {name}: the lab's hosts are {' or '.join(_MACHINES)}")
    return name
