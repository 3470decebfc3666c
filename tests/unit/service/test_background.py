"""Calls that know no time limit, left behind."""

import threading

import pytest

from mecai.service.background import in_background
from tests.patience import SECONDS


def test_a_result_and_an_error() -> None:
    assert in_background(lambda: 7).result(SECONDS) == 7
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result(SECONDS)


def test_who_waits_may_leave() -> None:
    ended = threading.Event()
    future = in_background(lambda: ended.wait(SECONDS))
    with pytest.raises(TimeoutError):
        future.result(0)
    ended.set()
    assert future.result(SECONDS)
