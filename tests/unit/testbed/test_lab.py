"""A lab's snapshot survives, its lock excludes, its names cannot be mistaken for another lab's."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from mecai.errors import HostError, InputError
from testbed.machine import locks
from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.model import plan, reading
from testbed.model.snapshot import Snapshot
from testbed.provision.image.build import Image
from testbed.roles import ROLES

MODEL = reading.parse("{name: tiny, zones: {z: a zone}, hosts: {r: {role: router, zone: z}}}", "tiny.yml", ROLES)
MADE = Snapshot(str(REPOSITORY), "/somewhere/tiny.yml", "0123456789abcdef", plan.make(MODEL))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab("tiny", labs=tmp_path / "labs", locks=tmp_path / "locks")


@pytest.mark.parametrize("identifier", ["", "Upper", "dot.dot", "../up", "a" * 17, "-x", "x-"])
def test_an_id_that_could_leave_its_place_is_refused(identifier: str) -> None:
    with pytest.raises(InputError, match=r"^lab id "):
        Lab(identifier)


def test_the_snapshot_is_read_back(lab: Lab) -> None:
    assert lab.snapshot() is None
    lab.write_snapshot(MADE)
    assert lab.snapshot() == MADE


@pytest.mark.parametrize("damage", ["", "{", "[]", "7", '{"checkout": "x"}'])
def test_a_damaged_snapshot_is_one_line_with_the_fix(lab: Lab, damage: str) -> None:
    write_file(lab.directory / "lab.json", damage)
    with pytest.raises(HostError, match=r"damaged record .*: testbed down --lab tiny$"):
        lab.snapshot()


def test_a_second_holder_is_told_who_holds_the_lock(lab: Lab) -> None:
    script = (
        "from pathlib import Path; from testbed.machine.lab import Lab; import sys\n"
        f"with Lab('tiny', Path({str(lab.labs)!r}), Path({str(lab.locks)!r})).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True, cwd=REPOSITORY) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HostError, match=rf"\(process {holder.pid}\) works on it"), lab.lock():
            pass
        holder.kill()
        holder.wait()
    with lab.lock():
        pass


def test_a_lock_leaves_no_file_and_a_file_left_locks_nothing(lab: Lab) -> None:
    file = lab.locks / lab.id
    with lab.lock():
        assert file.read_text(encoding="ascii") == str(os.getpid())
        with pytest.raises(HostError, match=rf"\(process {os.getpid()}\)"), lab.lock():
            pass
        assert file.exists()
    assert not file.exists()
    file.touch()
    with lab.lock():
        pass
    assert not file.exists()


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, taken = tmp_path / "lock", []

    def flock(file: TextIO, _operation: int) -> None:
        if not taken:  # as if its holder had ended, and removed it, between open and lock
            path.unlink()
        taken.append(os.fstat(file.fileno()).st_ino)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.hold(path):
        assert len(taken) == 2
        assert path.stat().st_ino == taken[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_work_on_a_lab_unwinds_it(number: signal.Signals, lab: Lab) -> None:
    with pytest.raises(KeyboardInterrupt), lab.lock():
        signal.raise_signal(number)
    assert not (lab.locks / lab.id).exists()


def test_an_image_is_built_only_when_it_is_whole(tmp_path: Path) -> None:
    image = Image("0123", cache=tmp_path)
    (tmp_path / "0123.building" / "root").mkdir(parents=True)
    assert not image.built
    (tmp_path / "0123.building").rename(image.directory)
    assert image.built
