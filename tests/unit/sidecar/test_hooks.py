"""What a server is owed: remembered by whoever fails, and paid by nobody for another."""

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.sidecar.hooks import owed


def test_a_hook_is_owed_until_it_has_succeeded(tmp_path: Path) -> None:
    mark = tmp_path / "owed"
    with pytest.raises(HostError), owed(mark) as again:  # noqa: PT012 - the first attempt
        assert not again
        raise HostError("it failed")
    with owed(mark) as again:
        assert again
    with owed(mark) as again:
        assert not again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first_fails", [False, True])
def test_of_two_at_once_none_pays_for_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_fails: bool
) -> None:
    """The second one begins while the first one's hook runs, and fails after it: its reload is owed then."""
    mark = tmp_path / "owed"
    came, first_is_over, seen = threading.Event(), threading.Event(), list[bool]()

    def pause(_seconds: float) -> None:
        came.set()  # it waits
        assert first_is_over.wait(10)

    def second() -> None:
        with suppress(HostError), owed(mark) as again:
            seen.append(again)
            came.set()  # it does not wait
            assert first_is_over.wait(10)
            raise HostError("the second one failed")

    monkeypatch.setattr("mecai.service.locks.sleep", pause)
    thread = threading.Thread(target=second)
    with suppress(HostError), owed(mark):
        thread.start()
        assert came.wait(10)
        if first_fails:
            raise HostError("the first one failed")
    first_is_over.set()
    thread.join(10)
    assert (seen, mark.exists()) == ([first_fails], True)


def test_another_run_is_not_waited_for_without_end(tmp_path: Path) -> None:
    with owed(tmp_path / "owed"), pytest.raises(HostError, match="for too long"), owed(tmp_path / "owed", patience=0):
        pytest.fail("held twice")


def test_a_link_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "owed").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="owed: cannot be written"), owed(tmp_path / "owed"):
        pytest.fail("followed")
    assert not (tmp_path / "elsewhere").exists()
