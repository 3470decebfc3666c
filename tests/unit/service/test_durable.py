"""Files appear whole, with their mode, or not at all."""

import os
import tty
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


def test_what_a_person_names_is_kept_at_the_end_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert durable.keep(tmp_path / "link", b"1", durable.PUBLIC)
    assert not durable.keep(tmp_path / "link", b"1", durable.PUBLIC)
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "file").read_bytes()) == (True, b"1")


def test_a_link_of_somebody_else_in_a_folder_of_all_is_not_followed(tmp_path: Path) -> None:
    """As root writes below /tmp, where a user has laid a link to a file that he may not write."""
    if os.geteuid() or Path("/proc/sys/fs/protected_symlinks").read_text() == "0\n":
        pytest.skip("for root, where the system protects him")
    tmp_path.chmod(0o1777)
    (tmp_path / "file").write_bytes(b"root's")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "none").symlink_to(tmp_path / "new")
    for name in ("link", "none"):
        os.lchown(tmp_path / name, 65534, 65534)
        with pytest.raises(HostError, match="cannot be written \\(Permission denied\\)"):
            durable.keep(tmp_path / name, b"1", durable.PUBLIC)
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "new").exists()) == (b"root's", False)


def test_a_device_takes_it_and_stays_a_device() -> None:
    """A terminal of the test's own; for root, /dev/null would be gone otherwise."""
    reader, device = os.openpty()
    path = Path(os.ttyname(device))
    tty.setraw(device)
    assert durable.keep(path, b"statement", durable.PUBLIC)
    assert (os.read(reader, 100), path.is_char_device()) == (b"statement", True)
    for descriptor in (reader, device):
        os.close(descriptor)


def test_a_pipe_takes_it_where_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    with pytest.raises(HostError, match="pipe: cannot be written"):
        durable.keep(path, b"statement", durable.PUBLIC)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    durable.keep(path, b"statement", durable.PUBLIC)
    assert (os.read(reader, 100), path.is_fifo()) == (b"statement", True)
    os.close(reader)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be written \\(Is a directory\\)"):
        durable.keep(tmp_path, b"statement", durable.PUBLIC)


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
