"""A lab out of an archive: unpacked beside its place, and moved there when whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mecai.errors import InputError
from testbed.drivers.driver import Driver
from testbed.lifecycle import birth, kept
from testbed.lifecycle.birth import Birth
from testbed.machine import archive, tools
from testbed.machine.lab import REPOSITORY, Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note
from testbed.model.saved import Saved
from testbed.model.snapshot import Snapshot
from testbed.provision import inputs
from testbed.provision.image import build, workshop
from testbed.scenarios import journal

_IMAGES = "images"
_PARTS = ("ssh", "ansible", "hosts")


def adopted(found: Saved) -> Snapshot:
    """Return how a saved lab was made, as a lab of this checkout."""
    made, source = found.made, Path(found.made.source)
    if source.is_relative_to(made.checkout):
        source = REPOSITORY / source.relative_to(made.checkout)
    return replace(made, checkout=str(REPOSITORY), source=str(source))


def restore(driver: Driver, file: Path, key: str, note: Note) -> Saved:
    """Replace a lab's hosts by those of an archive, not booted yet; raises `InputError`, `HostError`.

    Until the archive is unpacked and found good, nothing of the lab is touched; its logs and evidence stay.
    """
    lab, found = driver.lab, kept.read(file)
    with _staging(lab) as folder:
        note("unpacking")
        archive.unpack(file, folder, (*_PARTS, _IMAGES))
        _require(driver, found, file, folder)
        _take_image(found, folder, note)
        _require_image(found, file)
        note("ending the hosts")
        driver.remove(at_once=True)
        _replace(lab, folder)
        lab.write_snapshot(adopted(found))
        birth.write(lab, Birth(key, str(file), found.at.isoformat()))
        (folder / "hosts").rename(lab.directory / "hosts")  # last: before that, the lab has no hosts
    return found


def bring_back(driver: Driver, made: Snapshot, note: Note, *, fresh: bool) -> str:
    """Restore what is kept of an earlier `up` of the same, unless the lab shall be `fresh`; returns what was done."""
    lab = driver.lab
    key = inputs.key(lab, made)
    file = kept.converged_file(lab, key)
    why = "as asked" if fresh else "" if file.exists() else "nothing is kept of this lab"
    if not why:
        try:
            found = restore(driver, file, key, note)
        except InputError as error:  # the cache is to help, or not to matter
            file.unlink()
            why = str(error)
        else:
            os.utime(file)  # the oldest go first
            return f"kept: {key}, of {found.at:%F %R} UTC"
    birth.write(lab, Birth(key))
    return f"from nothing: {why}"


def clear(lab: Lab) -> None:
    """Remove what a program left half unpacked that was killed."""
    if lab.staging.exists():
        shutil.rmtree(lab.staging)


@contextmanager
def _staging(lab: Lab) -> Iterator[Path]:
    clear(lab)
    lab.staging.mkdir(parents=True, mode=0o700)
    try:
        yield lab.staging
    finally:
        clear(lab)


def _require(driver: Driver, found: Saved, file: Path, folder: Path) -> None:
    """Raise `InputError` unless all that makes the lab was in the archive."""
    lab = driver.lab
    needed = [driver.files(host.name) for host in found.made.plan.topology.hosts]
    needed += [lab.ssh_key, lab.ssh_key.with_suffix(".pub")]
    for name in (path.relative_to(lab.directory) for path in needed):
        if not (folder / name).exists():
            raise InputError(f"{file}: lacks {name}: save the lab again")
    (folder / "ansible").mkdir(exist_ok=True)


def _take_image(found: Saved, folder: Path, note: Note) -> None:
    """Put the image of an archive into the cache, unless it is there."""
    image, unpacked = build.Image(found.made.image), folder / _IMAGES / found.made.image
    if not unpacked.is_dir() or image.built:
        return
    image.cache.mkdir(parents=True, exist_ok=True)
    with workshop.lock(image.directory, note), workshop.opened(image.directory) as place:
        note("putting the image into the cache")
        tools.run(["mv", unpacked / "root", place / "root"], seconds=LIMITS.pack_seconds)
        place.rename(image.directory)


def _require_image(found: Saved, file: Path) -> None:
    image = build.Image(found.made.image)
    if not image.built:
        raise InputError(f"{file}: its image {image.hash} is not on this machine: export the lab with its image")
    if image.packages != found.packages:
        raise InputError(
            f"{file}: its image {image.hash} was built of other packages than the one in {image.directory}: "
            "remove that one, with no lab on it, and restore an archive that has its image"
        )


def _replace(lab: Lab, folder: Path) -> None:
    """Exchange the lab's hosts and what belongs to them for what was unpacked, which still lacks the hosts then."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    journal.forget(lab)
    old = folder / "old"
    old.mkdir()
    for name in reversed(_PARTS):
        if (lab.directory / name).exists():
            (lab.directory / name).rename(old / name)
    for name in _PARTS[:-1]:
        (folder / name).rename(lab.directory / name)
