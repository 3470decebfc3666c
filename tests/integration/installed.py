"""The wheel of the present sources, installed with one of its extras.

An environment holds the wheel and exactly what its metadata asks for, as files of this environment: nothing is
downloaded, and what an extra forgets to name is not there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # the bound of one command on a busy machine


def build_wheel(folder: Path) -> Path:
    """Build the wheel in `folder`."""
    for name in ("mecai", "testbed"):
        shutil.copytree(ROOT / name, folder / "sources" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / "sources")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, f"--wheel-dir={folder}", folder / "sources"], check=True, timeout=SECONDS)
    return next(folder.glob("*.whl"))


class Environment:
    """A virtual environment with the wheel and what it asks for with one extra.

    Of `python`, by default this one. Its packages are linked, or `copied` for users who may not go where they lie.
    """

    def __init__(
        self, folder: Path, wheel: Path, extra: str, *, python: str = sys.executable, copied: bool = False
    ) -> None:
        self.bin = folder / "bin"
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, timeout=SECONDS)
        site = next(folder.glob("lib/python3.*/site-packages"))
        unpack = [sys.executable, "-m", "pip", "--python", str(self.bin / "python")]
        subprocess.run([*unpack, "install", "--quiet", "--no-index", "--no-deps", wheel], check=True, timeout=SECONDS)
        self.wheel = next(found for found in Distribution.discover(path=[str(site)]) if found.name == "mecai")
        self.packages = {found.name: found for found in _asked(self.wheel, {extra}, set())}
        for found in self.packages.values():
            _take(found, site, copied=copied)
        subprocess.run([*unpack, "check"], check=True, timeout=SECONDS)

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment, far from the checkout."""
        return subprocess.run(
            [self.bin / program, *map(str, arguments)],
            cwd=self.bin,
            env={"PATH": os.environ["PATH"], "HOME": str(self.bin)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def _asked(of: Distribution, extras: set[str], seen: set[str]) -> Iterator[Distribution]:
    """Yield what a distribution asks for with these extras, and what that asks for; nothing twice."""
    for requirement in map(Requirement, of.requires or ()):
        if str(requirement) not in seen and _applies(requirement, extras):
            seen.add(str(requirement))
            found = distribution(requirement.name)
            yield found
            yield from _asked(found, requirement.extras, seen)


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def _take(found: Distribution, site: Path, *, copied: bool) -> None:
    for file in found.files or ():
        if ".." not in file.parts and not (link := site / file).exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            source = Path(str(found.locate_file(file))).resolve()
            shutil.copy2(source, link) if copied else link.symlink_to(source)
