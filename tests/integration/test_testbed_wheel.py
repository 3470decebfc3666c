"""The wheel for the hosts: the same bytes from the same sources, built only when they change, and without the lab."""

from pathlib import Path
from zipfile import ZipFile

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
