"""The scripts by which scenarios change what a VAS goes by for a while, run by a real shell on a file."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from testbed.scenarios import vas
from tests.patience import SECONDS

SETTINGS = """# Ansible managed
key = "key.pem"
hold = "PT0S"
requests_per_minute = 60

[[directory]]
context = "MOZ"
publishers = "/etc/mecai/publishers.pem"
path = "/etc/mecai/directory.der"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vas.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    path.chmod(0o640)
    return path


def change(script: str, file: Path, *words: str) -> dict[str, Any]:
    """Run a script; returns the settings that come of it."""
    subprocess.run(["sh", "-c", script, "sh", file, *words], check=True, timeout=SECONDS)
    assert file.stat().st_mode & 0o777 == 0o640
    return tomllib.loads(file.read_text(encoding="utf-8"))


def test_settings_go_before_the_operators_and_come_back(file: Path) -> None:
    changed = change(vas._CHANGE, file, 'hold = "PT20S"', "requests_per_minute = 5")
    assert (changed["hold"], changed["requests_per_minute"], changed["directory"][0]["context"]) == ("PT20S", 5, "MOZ")
    assert change(vas._CHANGE, file, 'hold = "PT1S"')["hold"] == "PT1S"
    change(vas._BRING_BACK, file)
    assert file.read_text(encoding="utf-8") == SETTINGS
    change(vas._BRING_BACK, file)  # where nothing is settled
    assert list(file.parent.iterdir()) == [file]
