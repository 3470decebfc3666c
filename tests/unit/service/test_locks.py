"""One holder at a time, and no wait without end."""

import os
import threading
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.service.locks import locked
from tests.patience import SECONDS


def test_another_holder_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    waits, released = threading.Event(), threading.Event()

    def pause(_seconds: float) -> None:
        waits.set()
        assert released.wait(SECONDS)

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    monkeypatch.setattr("mecai.service.locks.sleep", pause)
    thread = threading.Thread(target=second)
    with locked(tmp_path / "lock"):
        thread.start()
        assert waits.wait(SECONDS)
        order.append("first")
    released.set()
    thread.join(SECONDS)
    assert order == ["first", "second"]


def test_the_wait_ends(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(HostError, match="another process has held it for too long"),
        locked(tmp_path / "lock", seconds=0),
    ):
        pytest.fail("held twice")


def test_it_is_free_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), locked(tmp_path / "lock"):
        raise ValueError("inside")
    with locked(tmp_path / "lock", seconds=0):
        pass


def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "lock"):
        modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "new", tmp_path / "new" / "lock")]
    assert modes == [0o700, 0o600]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "lock").symlink_to(target)
    with pytest.raises(HostError, match="cannot be written"), locked(tmp_path / "lock"):
        pytest.fail("followed")
    assert not os.path.lexists(target)
