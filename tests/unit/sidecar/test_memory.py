"""Results made of files: which look reads the file, which makes the result anew."""

import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.sidecar.memory import LONGEST, FileMemory, Lasting
from tests.pki import DAY, NOW
from tests.unit.sidecar.test_refresh import MINUTE

LIMIT = 100


@dataclass
class Looking:
    """Whoever looks at one file again and again."""

    path: Path
    now: datetime = NOW
    until: datetime = NOW + 30 * DAY
    basis: int = 0
    made: list[bytes] = field(default_factory=list)
    memory: FileMemory[str, bytes] = field(default_factory=lambda: FileMemory(LIMIT))

    def make(self, data: bytes) -> Lasting[bytes]:
        """Make a result."""
        self.made.append(data)
        return Lasting(data.upper(), self.until)

    def look(self) -> bytes:
        """Look once."""
        return self.memory.recall("key", self.path, self.basis, self.now, self.make)


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return Looking(path)


def wait(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the machine's own clock be this far ahead."""
    late = time.time_ns() + seconds * 1_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: late)


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_bytes", read)


def test_a_file_that_rests_is_not_even_read(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    wait(monkeypatch, 3)
    assert looking.look() == b"ONE"
    forbid_reading(monkeypatch)
    assert looking.look() == b"ONE"
    assert looking.made == [b"one"]


def test_a_file_that_was_changed_just_before_it_was_read_is_read_again(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change within the same tick of the clock would leave inode, size and times as they are."""
    monkeypatch.setattr(time, "time_ns", lambda: looking.path.stat().st_mtime_ns)
    looking.look()
    looking.path.write_bytes(b"two")
    assert looking.look() == b"TWO"
    wait(monkeypatch, 3)
    looking.look()
    forbid_reading(monkeypatch)
    assert looking.look() == b"TWO"
    assert looking.made == [b"one", b"two"]


def test_a_changed_file_with_an_old_time_is_read(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    wait(monkeypatch, 3)
    looking.look()
    before = looking.path.stat()
    looking.path.write_bytes(b"two")
    os.utime(looking.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looking.look() == b"TWO"


def test_another_basis(looking: Looking) -> None:
    looking.look()
    looking.basis = 1
    looking.look()
    assert len(looking.made) == 2


@pytest.mark.parametrize(
    ("moved", "made"),
    [(0, 1), (LONGEST / MINUTE - 1, 1), (LONGEST / MINUTE, 2), (-1, 2)],
)
def test_the_clock(looking: Looking, moved: float, made: int) -> None:
    looking.look()
    looking.now = NOW + moved * MINUTE
    looking.look()
    assert len(looking.made) == made


@pytest.mark.parametrize(("moved", "made"), [(9, 1), (10, 2)])
def test_its_own_end(looking: Looking, moved: int, made: int) -> None:
    looking.until = NOW + 10 * MINUTE
    looking.look()
    looking.now = NOW + moved * MINUTE
    looking.look()
    assert len(looking.made) == made


def test_a_failure_is_not_remembered(looking: Looking) -> None:
    looking.look()
    looking.path.write_bytes(b"bad")

    def refuse(_: bytes) -> Lasting[bytes]:
        raise ValueError("bad")

    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            looking.memory.recall("key", looking.path, 0, NOW, refuse)
    looking.path.write_bytes(b"one")
    looking.look()
    assert looking.made == [b"one", b"one"]


def test_what_is_no_longer_there_is_forgotten(looking: Looking) -> None:
    looking.look()
    looking.memory.keep([])
    looking.look()
    assert len(looking.made) == 2


def test_a_pipe_is_no_file_and_nobody_waits_for_it(looking: Looking) -> None:
    looking.path.unlink()
    os.mkfifo(looking.path)
    with pytest.raises(HostError, match="cannot be read"):
        looking.look()


def test_a_verdict_on_what_was_written_holds_for_that_content_only(looking: Looking) -> None:
    looking.memory.put("key", looking.path, b"two", 0, NOW, Lasting(b"TWO", NOW + DAY))
    assert looking.look() == b"ONE"
    looking.memory.put("key", looking.path, b"one", 0, NOW, Lasting(b"as judged", NOW + DAY))
    assert looking.look() == b"as judged"
