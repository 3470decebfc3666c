"""What one user made in a checkout and another may not write is one line that says whose it is."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from testbed.machine.lab import REPOSITORY

# Root may write everywhere, so that somebody else has to try.
_AS_ANOTHER = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Give a checkout that all may enter and write."""
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / "scripts").mkdir()
        shutil.copy(REPOSITORY / "scripts" / "bootstrap", place / "scripts")
        place.chmod(0o777)
        yield place


@pytest.mark.parametrize("made", [".venv", "build"])
def test_what_root_left_is_named(made: str, checkout: Path) -> None:
    (checkout / made).mkdir(mode=0o555)
    command = [*_AS_ANOTHER, str(checkout / "scripts" / "bootstrap"), "lab"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    owner = (checkout / made).owner()
    assert done.returncode == 3
    assert done.stderr.startswith(f"bootstrap: {checkout / made} belongs to {owner} and is not writable by ")
    assert done.stderr.count("\n") == 1
