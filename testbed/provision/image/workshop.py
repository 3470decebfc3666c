"""Where an image is built, beside its place in the cache, by one process at a time; nothing of it is left."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from testbed.machine import locks, mounts
from testbed.machine.lab import CACHE
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note, until

IMAGES = CACHE / "images"
_UNFINISHED = ".building"


@contextmanager
def opened(image: Path) -> Iterator[Path]:
    """Give a new directory to build in; what the builder has not moved to its place is gone at the end."""
    place = image.with_name(f"{image.name}{_UNFINISHED}")
    _clear(place)
    place.mkdir()
    try:
        yield place
    finally:
        _clear(place)


@contextmanager
def lock(image: Path, note: Note) -> Iterator[None]:
    """Hold an image for this process; waits for another that builds it, raises `HostError` when it does not end."""
    with ExitStack() as held:

        def acquire() -> bool:
            try:
                held.enter_context(locks.hold(_lock_of(image)))
            except locks.LockTaken as error:
                note(f"waiting for process {error.holder}, which builds this image")
                return False
            return True

        until(acquire, LIMITS.image_seconds, lambda: f"image {image.name}: another build of it does not end")
        yield


def clear_unfinished(images: Path = IMAGES) -> None:
    """Unmount and remove what builds left that were killed; a build that goes on is left alone."""
    for place in images.glob(f"*{_UNFINISHED}"):
        with suppress(locks.LockTaken), locks.hold(_lock_of(place.with_name(place.stem))):
            _clear(place)


def _clear(place: Path) -> None:
    mounts.release(place)  # mmdebstrap mounts /proc and /sys in the new root while it works
    if place.exists():
        shutil.rmtree(place)


def _lock_of(image: Path) -> Path:
    return image.with_name(f"{image.name}.lock")
