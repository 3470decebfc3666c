"""Files appear whole, with their mode, or not at all."""

from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from mecai.service import durable


def test_a_secret_is_made_with_its_mode(tmp_path: Path) -> None:
    durable.create(tmp_path / "key", b"secret", durable.SECRET)
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"old")
    with pytest.raises(InputError, match="exists already"):
        durable.create(tmp_path / "key", b"new", durable.SECRET)
    assert (tmp_path / "key").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="exists already"):
        durable.create(tmp_path / "key", b"new", durable.SECRET)
    assert not (tmp_path / "elsewhere").exists()


def test_replacing_says_whether_anything_changed(tmp_path: Path) -> None:
    path = tmp_path / "status"
    assert durable.replace(path, b"1", durable.PUBLIC)
    assert not durable.replace(path, b"1", durable.PUBLIC)
    assert durable.replace(path, b"2", durable.PUBLIC)
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_same_content_with_another_mode_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    durable.replace(path, b"1", durable.PUBLIC)
    assert durable.replace(path, b"1", durable.SECRET)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        del descriptor
        raise OSError(28, "No space left on device")

    durable.replace(tmp_path / "status", b"old", durable.PUBLIC)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HostError, match=r"status: cannot be written \(No space left"):
        durable.replace(tmp_path / "status", b"new", durable.PUBLIC)
    assert [path.name for path in tmp_path.iterdir()] == ["status"]
    assert (tmp_path / "status").read_bytes() == b"old"
