"""Build the project's wheel reproducibly: the same bytes as long as the sources are the same.

The build runs on a copy, so that nothing is left in the checkout and no file of an earlier build slips in.
"""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.machine import tools
from testbed.machine.lab import REPOSITORY
from testbed.machine.limits import LIMITS

# Hosts run mecai, not the lab: a change to the lab, or to what is read about it, leaves their wheel as it is.
_PARTS = ("LICENSE", "mecai", "pyproject.toml")
# The wheel's description, which no host reads: it is left empty there.
_DESCRIPTION = "README.md"
# The earliest time that a zip file can hold (reproducible-builds.org/specs/source-date-epoch).
_EPOCH = "315532800"


def ensure(directory: Path, log: Path) -> tuple[Path, bool]:
    """Return the wheel of the present sources and whether it was built now; older wheels in `directory` are removed."""
    sources = list(_sources())
    place = directory / _digest(sources)
    if not (built := list(place.glob("*.whl"))):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        with TemporaryDirectory(dir=directory) as workshop:
            _build(sources, Path(workshop), log)
            (Path(workshop) / "out").rename(place)
        return next(place.glob("*.whl")), True
    return built[0], False


def digest() -> str:
    """Return the hash of the present sources, by which their wheel is known."""
    return _digest(list(_sources()))


def _build(sources: list[Path], workshop: Path, log: Path) -> None:
    copy = workshop / "sources"
    for source in sources:
        target = copy / source.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o644)
    (copy / _DESCRIPTION).touch()
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--disable-pip-version-check", f"--wheel-dir={workshop / 'out'}", str(copy)]
    tools.run_logged(command, log, seconds=LIMITS.wheel_seconds, environment={"SOURCE_DATE_EPOCH": _EPOCH})


def _sources() -> Iterator[Path]:
    for part in _PARTS:
        path = REPOSITORY / part
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in files if file.is_file() and "__pycache__" not in file.parts)


def _digest(sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        content = source.read_bytes()
        digest.update(f"{source.relative_to(REPOSITORY)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
