"""The thread that reads, and processes that are forked from one that serves."""

import gc
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mecai.server import StapleDirectory, StaplingContext, staples
from mecai.service.background import in_background
from mecai.tls import stapling
from tests.patience import SECONDS
from tests.unit.server.shelf import Shelf, world


def forked(work: Callable[[], object]) -> int:
    """Do `work` in a child of this process; return the status of its end, which is 0 if nothing was raised."""
    child = os.fork()
    if not child:
        code = 1
        with suppress(BaseException):
            in_background(work).result(SECONDS / 2)
            code = 0
        os._exit(code)
    return in_background(lambda: os.waitpid(child, 0)).result(SECONDS)[1]


@pytest.mark.parametrize("held", ["_reading", "_starting"])
def test_a_child_of_a_server_waits_for_no_lock_of_its_parent(tmp_path: Path, held: str) -> None:
    """Another thread of the parent's may hold one at that moment, and is not in the child."""
    shelf = Shelf(tmp_path / "staples")
    shelf.put("birch")
    directory = StapleDirectory(shelf.path)

    def serve() -> None:
        directory.add(world.site.der)
        directory.serve()
        folder = directory.find(world.site.der)
        assert folder is not None
        assert len(folder.vouchers) == 1
        assert "staples" in {each.name for each in threading.enumerate()}

    with getattr(directory, held):
        assert forked(serve) == 0


def test_many_connections_at_once_start_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, started, both = StapleDirectory(tmp_path), [], threading.Barrier(2)
    start = staples.start_without_signals

    def slowly(thread: threading.Thread) -> None:
        started.append(thread)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # for another one that starts a thread now; there is none
        start(thread)

    monkeypatch.setattr(staples, "start_without_signals", slowly)
    threads = [threading.Thread(target=directory.serve) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(SECONDS)
    assert len(started) == 1


def test_a_context_keeps_nothing_of_a_connection_that_was_never_used(tmp_path: Path) -> None:
    gc.collect()
    before = len(stapling._spoken), len(stapling._owned)
    context = StaplingContext(tmp_path)
    gc.collect()
    assert (len(stapling._spoken), len(stapling._owned)) == before
    del context
