"""Room on the disk: what is enough, and what a service says that has too little."""

from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.service import disk
from mecai.service.disk import MIB, require_free


def test_enough_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE", 0)
    require_free(tmp_path)


def test_too_little_is_told_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE", (1 << 40) * MIB)
    with pytest.raises(HostError, match=rf"{tmp_path}: [0-9]+ MiB free, expected {1 << 40}; make room on this disk"):
        require_free(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="none: cannot be looked at"):
        require_free(tmp_path / "none")
