"""Labs that were put away, and where: a person's saves by name, converged labs by the hash of what made them.

All of them hold keys: they lie in folders that only root may enter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mecai.errors import InputError
from testbed.drivers.driver import Driver
from testbed.lifecycle.birth import Birth
from testbed.machine import archive
from testbed.machine.lab import CACHE, Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.model import saved
from testbed.model.saved import Saved
from testbed.model.snapshot import Snapshot
from testbed.provision import inputs
from testbed.provision.image import build

CONVERGED = CACHE / "converged"
SUFFIX = ".tar.zst"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Kept:
    """A file with a lab in it: whose, under which name, how large."""

    lab: str
    name: str
    file: Path
    octets: int
    at: datetime


def is_file(name_or_file: str) -> bool:
    """Say whether the words name a file, rather than a save."""
    return "/" in name_or_file or name_or_file.endswith(SUFFIX)


def save_file(lab: Lab, name: str) -> Path:
    """Return the file of a save, there or not; raises `InputError` for what cannot be a name."""
    if not _NAME.fullmatch(name):
        raise InputError(f"save {name!r}: expected 1 to 32 lower-case letters, digits and hyphens")
    return lab.saves / f"{name}{SUFFIX}"


def find(lab: Lab, name_or_file: str) -> Path:
    """Find a file by its path, or a save of a lab by its name; raises `InputError`."""
    if is_file(name_or_file):
        return Path(name_or_file).absolute()
    file = save_file(lab, name_or_file)
    if not file.is_file():
        names = ", ".join(one.name for one in _kept(lab.saves, lab.id)) or "none yet"
        raise InputError(f"lab {lab.id}: no save {name_or_file!r}; there are: {names}")
    return file


def converged_file(lab: Lab, key: str) -> Path:
    """Return the file of a lab as it was when what `key` stands for had made it, there or not."""
    return CONVERGED / f"{lab.id}.{key}{SUFFIX}"


def saves(folder: Path = Lab.labs.parent / "saves") -> list[Kept]:
    """List the saves of all labs, also of those that are no more, each lab's oldest first."""
    return [kept for lab in sorted(folder.glob("*")) for kept in _kept(lab, lab.name)]


def converged() -> list[Kept]:
    """List the converged labs in the cache, the oldest first."""
    return list(_kept(CONVERGED, ""))


def read(file: Path) -> Saved:
    """Read what an archive is; raises `InputError` for what is none, or not for this machine."""
    try:
        found = saved.decode(archive.header(file))
    except ValueError as error:
        raise InputError(f"{file}: not a saved lab that this program can read: {error}") from error
    if found.architecture != (own := build.architecture()):
        raise InputError(f"{file}: was saved on {found.architecture}, this machine is {own}: save it on {own}")
    return found


def store(driver: Driver, made: Snapshot, file: Path, *, with_image: bool = False) -> int:
    """Write a running lab into an archive; returns its size in octets. Raises `HostError`, an older file is kept."""
    lab, image = driver.lab, build.Image(made.image)
    document = Saved(datetime.now(UTC), build.architecture(), image.packages, with_image, made)
    header = lab.directory / archive.HEADER
    write_file(header, saved.encode(document), 0o600)
    parts = {lab.directory: [archive.HEADER, *_names(driver, made)]}
    if with_image:
        parts[image.cache.parent] = [str(image.root.relative_to(image.cache.parent))]
    try:
        with driver.still(made.plan):
            return archive.pack(file, parts)
    finally:
        header.unlink()


def keep(driver: Driver, made: Snapshot, born: Birth) -> int:
    """Put a lab away that is healthy for the first time, for `reset` and for the next `up`; returns octets.

    The next `up` gets it only where Ansible made it wholly by what is there now. Raises `HostError`.
    """
    lab = driver.lab
    octets = lab.clean_file.stat().st_size if lab.clean_file.exists() else 0
    if born.converged or not octets:
        octets = store(driver, made, lab.clean_file)
    if born.converged and born.key == inputs.key(lab, made):
        make_folder(CONVERGED)
        archive.copy(lab.clean_file, converged_file(lab, born.key))
        bound(lab)
    return octets


def make_folder(folder: Path) -> None:
    """Make a folder for archives, into which nobody but this user may look."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def bound(lab: Lab) -> None:
    """Remove what was left half written of this lab, and the oldest converged labs until the rest is within bounds."""
    for unfinished in CONVERGED.glob(f".{lab.id}.*.new"):
        unfinished.unlink(missing_ok=True)
    everything = converged()
    while everything and sum(kept.octets for kept in everything) > LIMITS.kept_labs_bytes:
        everything.pop(0).file.unlink(missing_ok=True)


def _names(driver: Driver, made: Snapshot) -> Iterator[str]:
    """Name what of a lab's directory makes it again: the hosts' files, keys, what Ansible brought here."""
    directory = driver.lab.directory
    for host in made.plan.topology.hosts:
        yield str(driver.files(host.name).relative_to(directory))
    yield str(driver.lab.ssh_key.relative_to(directory))
    yield str(driver.lab.ssh_key.with_suffix(".pub").relative_to(directory))
    for name in ("artifacts", ".artifacts"):
        folder = driver.lab.inventory.with_name(name)
        if folder.exists():
            yield str(folder.relative_to(directory))


def _kept(folder: Path, lab: str) -> Iterator[Kept]:
    files = [(file.stat(), file) for file in folder.glob(f"[a-z0-9]*{SUFFIX}")]
    for found, file in sorted(files, key=lambda pair: pair[0].st_mtime):
        owner, _, name = file.name.removesuffix(SUFFIX).rpartition(".")
        yield Kept(owner or lab, name, file, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
