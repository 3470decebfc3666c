"""What strangers, a crash or the disk do to the sidecar's files: never a wrong staple, and nobody is waited for."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mecai.errors import HostError
from mecai.service import durable
from mecai.service.deadline import Deadline
from mecai.sidecar import store
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.standing import State
from mecai.sidecar.wanted import LARGEST_CHAIN
from mecai.vrp.answers import RequestRefused
from tests.directories import directory
from tests.patience import SECONDS
from tests.unit.sidecar.conftest import Side, make_side

Spoil = Callable[[Path], object]
NOBODY = 65534
MANY = 50_000


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def open_socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Side]:
    """Give a sidecar in memory, where there is such a file system: it is about many files, not about a disk."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm")) if Path("/dev/shm").is_dir() else tmp_path  # noqa: S108
    yield make_side(folder)
    shutil.rmtree(folder)


IRREGULAR: dict[str, Spoil] = {
    "a FIFO": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": open_socket,
    "a terabyte": sparse,
}


@pytest.mark.parametrize("spoil", IRREGULAR.values(), ids=IRREGULAR.keys())
@pytest.mark.parametrize("staple", [True, False])
def test_what_is_no_file_is_taken_away_and_fetched_anew(side: Side, spoil: Spoil, staple: bool) -> None:
    va = None if staple else side.scene.birch
    side.run()
    good = side.written(va)
    side.path(va).unlink()
    spoil(side.path(va))
    assert side.report()["OCSP staple" if staple else "birch"].state in {State.BAD, State.MISSING}
    side.run()
    assert side.path(va).is_file()
    assert not side.path(va).is_symlink()
    if not staple:
        assert side.written(va) == good


def test_a_link_out_of_the_directory_is_taken_away_however_good_its_end(side: Side, tmp_path: Path) -> None:
    """Who may write where it leads could exchange it behind the verdict."""
    side.run()
    place, elsewhere = side.path(side.scene.birch), tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    content = elsewhere.read_bytes()
    side.answer(side.scene.birch, RequestRefused("down"))
    side.run()
    assert not os.path.lexists(place)
    assert elsewhere.read_bytes() == content


def test_a_link_in_the_place_of_a_folder_is_not_entered(side: Side, tmp_path: Path) -> None:
    side.run()
    folder, elsewhere = side.path(None).parent, tmp_path / "elsewhere"
    folder.rename(elsewhere)
    for path in elsewhere.iterdir():
        path.write_bytes(b"damaged")
    folder.symlink_to(elsewhere)
    side.run()
    assert {path.read_bytes() for path in elsewhere.iterdir()} == {b"damaged"}
    assert folder.is_dir()
    assert not folder.is_symlink()


@pytest.mark.parametrize("spoil", IRREGULAR.values(), ids=IRREGULAR.keys())
def test_a_chain_that_is_no_file_fails_alone(side: Side, tmp_path: Path, spoil: Spoil) -> None:
    chain = tmp_path / "odd.pem"
    spoil(chain)
    side.config = replace(
        side.config, certificates=(CertificateEntry(chain, ("198.18.0.11",)), *side.config.certificates)
    )
    side.run()
    assert side.written(side.scene.birch) is not None
    assert side.report()[""].state == State.UNREADABLE


def test_a_chain_is_read_up_to_its_bound(side: Side) -> None:
    chain = side.config.certificates[0].chain
    text = chain.read_bytes()
    chain.write_bytes(text.ljust(LARGEST_CHAIN, b"\n"))
    side.run()
    assert side.written(side.scene.birch) is not None
    chain.write_bytes(text.ljust(LARGEST_CHAIN + 1, b"\n"))
    assert f"more than {LARGEST_CHAIN} octets" in side.report()[""].detail


def test_nobody_waits_for_a_succession(side: Side, tmp_path: Path) -> None:
    (entry,) = side.config.certificates
    side.config = replace(side.config, certificates=(replace(entry, succession=tmp_path / "pipe"),))
    os.mkfifo(tmp_path / "pipe")
    side.run()
    assert {request.succession for request in side.requests.values()} == {None}


def test_a_directory_that_vanishes_is_filled_again_when_it_can_be(side: Side) -> None:
    side.run()
    shutil.rmtree(side.config.staples)
    side.run()
    assert len(list(side.config.staples.glob("*/*"))) == 4
    shutil.rmtree(side.config.state)
    side.config.state.touch()
    with pytest.raises(HostError, match="cannot be written"):
        side.run()
    side.config.state.unlink()
    side.config.state.mkdir()
    side.run()
    assert len(list(side.config.staples.glob("*/*"))) == 4


def test_many_foreign_files_are_left_where_they_are(quick: Side) -> None:
    side = quick
    side.run()
    folder = side.path(None).parent
    for number in range(MANY):
        os.mknod(folder / f"foreign-{number}")
    side.run()
    assert side.asked == []
    assert sum(1 for _ in folder.iterdir()) == MANY + 4


def test_many_bad_files_are_taken_away_in_few_words(quick: Side, caplog: pytest.LogCaptureFixture) -> None:
    side = quick
    side.run()
    folder = side.path(None).parent
    for number in range(2000):
        (folder / f"{number:016x}.voucher").write_bytes(b"junk")
    side.run()
    assert len(list(folder.iterdir())) == 4
    assert "removed from the store: 2000 files in all" in caplog.text
    assert caplog.text.count("malformed") == 20


def test_what_stays_wrong_is_said_once_and_again_when_it_was_right_in_between(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    chain = side.config.certificates[0].chain
    for times in (1, 2):
        chain.rename(chain.with_suffix(".away"))
        side.run()
        side.run()
        assert caplog.text.count("certificate cannot be served") == times
        chain.with_suffix(".away").rename(chain)
        side.run()


def await_ends() -> None:
    """Wait until threads that were joined have ended for the system, too: until then one may hold a lock of OpenSSL."""
    deadline = Deadline(SECONDS)
    while {int(each.name) for each in Path("/proc/self/task").iterdir()} - {
        each.native_id for each in threading.enumerate()
    }:
        deadline.require()
        os.sched_yield()


def in_child(work: Callable[[], object]) -> int:
    """Do something in a process of its own; return how that ended, as waitpid(2) says it."""
    await_ends()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


WRITERS = (durable.__file__, store.__file__)


def killed_at(moment: int) -> None:
    """Let this process die by SIGKILL before the `moment`th line of what writes files that it comes to."""
    left = moment

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        nonlocal left
        if frame.f_code.co_filename not in WRITERS:
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def test_killed_at_every_point_it_leaves_nothing_but_good_files(quick: Side) -> None:
    """Each time some lines later, so that every line has its turn; what follows has everything."""
    side = quick
    side.publish(directory(side.scene.alder, side.scene.birch, sequence=2))
    side.run()
    good = {path.name: path.read_bytes() for path in side.config.staples.glob("*/*")}
    for moment in range(1, 1000, 3):
        shutil.rmtree(side.config.staples, ignore_errors=True)
        (side.config.private / "schedule.json").unlink(missing_ok=True)

        def work(moment: int = moment) -> None:
            side.refresher = None
            killed_at(moment)
            side.run()

        ended = in_child(work)
        for path in side.config.staples.glob("*/*"):
            assert path.name.startswith(".") or path.name == "ocsp.der" or path.read_bytes() == good[path.name]
        side.refresher = None
        side.run()
        assert {path.name for path in side.config.staples.glob("*/*")} == good.keys()
        if ended == 0:
            break
        assert os.WTERMSIG(ended) == signal.SIGKILL
    assert moment > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become a user who may not write")
def test_a_folder_in_which_nothing_can_be_written_is_said_for_each_file(side: Side, tmp_path: Path) -> None:
    side.run()
    for path in side.config.staples.glob("*/*"):
        path.unlink()
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    for path in (side.config.private, *side.config.private.iterdir()):
        os.chown(path, NOBODY, NOBODY)

    def work() -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        side.refresher = None
        side.run()
        details = {row.detail for row in side.report().values()}
        assert all("cannot be written (Permission denied)" in detail for detail in details), details

    assert in_child(work) == 0
    assert list(side.config.staples.glob("*/*")) == []
