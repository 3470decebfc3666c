"""The wheel for the hosts: the same bytes from the same sources, built only when they change, and without the lab."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from testbed.provision import wheel


def test_the_wheel_is_reproducible_and_built_once(tmp_path: Path) -> None:
    first, built = wheel.ensure(tmp_path / "one", tmp_path / "log")
    assert built
    assert wheel.ensure(tmp_path / "one", tmp_path / "log") == (first, False)

    second, _ = wheel.ensure(tmp_path / "two", tmp_path / "log")
    assert second.read_bytes() == first.read_bytes()

    with ZipFile(first) as archive:
        rooms = {name.partition("/")[0] for name in archive.namelist()}
    assert "mecai" in rooms
    assert "testbed" not in rooms


def test_what_is_read_about_it_makes_no_other_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "REPOSITORY", tmp_path)
    digests = []
    for changed in ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md"):
        for name in ("LICENSE", "README.md", "pyproject.toml"):
            (tmp_path / name).touch()
        (tmp_path / changed).write_text("changed")
        digests.append(wheel.digest())
    assert len(set(digests[:2])) == 2
    assert set(digests[2:]) == {digests[1]}
