"""What is done besides: in order, no more than some, again where it asks for that, and whatever fails."""

import os
import threading
from functools import partial

import pytest

from mecai.client.errands import Errands
from mecai.service.deadline import Deadline
from tests.patience import SECONDS


def test_they_are_done_one_after_the_other() -> None:
    errands, done = Errands(), list[int]()
    for number in range(5):
        assert errands.put(partial(done.append, number))
    assert errands.wait(Deadline(SECONDS))
    assert done == [0, 1, 2, 3, 4]


def test_no_more_wait_than_there_is_room_for() -> None:
    errands, go, begun, done = Errands(room=2), threading.Event(), threading.Event(), list[int]()

    def first() -> None:
        begun.set()
        go.wait(SECONDS)

    assert errands.put(first)
    assert begun.wait(SECONDS)
    assert [errands.put(partial(done.append, number)) for number in range(4)] == [True, True, False, False]
    assert not errands.wait(Deadline(0))
    go.set()
    assert errands.wait(Deadline(SECONDS))
    assert done == [0, 1]


def test_one_that_waits_already_is_done_once() -> None:
    errands, go, begun, done = Errands(), threading.Event(), threading.Event(), list[int]()

    def first() -> None:
        begun.set()
        go.wait(SECONDS)

    def again() -> None:
        done.append(1)

    errands.put(first)
    assert begun.wait(SECONDS)
    assert errands.put(again)
    assert errands.put(again)
    go.set()
    assert errands.wait(Deadline(SECONDS))
    assert done == [1]


def test_one_that_asks_for_it_is_done_again() -> None:
    errands, third, count = Errands(), threading.Event(), list[int]()

    def work() -> float | None:
        count.append(1)
        if len(count) < 3:
            return 0.01
        third.set()
        return None

    errands.put(work)
    assert third.wait(SECONDS)
    assert errands.wait(Deadline(SECONDS))
    assert len(count) == 3


def test_what_is_put_off_is_not_waited_for_and_comes_at_once_when_it_is_put() -> None:
    errands, count = Errands(), list[int]()

    def work() -> float:
        count.append(1)
        return 3600.0

    for times in (1, 2):
        errands.put(work)
        assert errands.wait(Deadline(SECONDS))
        assert len(count) == times


def test_one_that_fails_is_a_line_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    errands, done = Errands(), list[int]()
    errands.put(lambda: int("no number"))
    errands.put(partial(done.append, 1))
    assert errands.wait(Deadline(SECONDS))
    assert done == [1]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_where_no_thread_can_be_begun_nobody_suffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a program ends, from Python 3.12 on: a verdict is the verdict."""
    errands, done = Errands(), list[int]()

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as ending:
        ending.setattr(threading.Thread, "start", start)
        assert not errands.put(partial(done.append, 1))
    assert errands.wait(Deadline(0))
    assert errands.put(partial(done.append, 2))
    assert errands.wait(Deadline(SECONDS))
    assert done == [2]


def test_a_fork_has_a_thread_of_its_own_and_none_of_the_errands_of_its_parent() -> None:
    errands, (read, write) = Errands(), os.pipe()

    def tell() -> None:
        os.write(write, b"done")

    errands.put(lambda: 3600.0)
    assert errands.wait(Deadline(SECONDS))
    with errands._changed:  # as a thread of the parent may have it at that moment
        child = os.fork()
        if child == 0:
            errands.put(tell)
            alone = errands.wait(Deadline(SECONDS)) and not errands._later
            os._exit(0 if alone else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os.read(read, 4) == b"done"
    os.close(read)
    os.close(write)
