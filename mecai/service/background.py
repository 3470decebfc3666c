"""Calls that block and know no time limit: made in a thread of their own, which is left behind at the deadline."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def in_background(work: Callable[[], Result]) -> Future[Result]:
    """Do `work` in a daemon thread; unlike a pool's, it holds up neither who waits nor the end of the program."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="background", daemon=True).start()
    return future
