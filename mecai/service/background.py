"""Threads of a program's own: for calls that block and know no time limit, and for what goes on beside everything."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def in_background(work: Callable[[], Result]) -> Future[Result]:
    """Do `work` in a daemon thread; unlike a pool's, it holds up neither who waits nor the end of the program.

    Whoever waits for it leaves it behind at his deadline.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="background", daemon=True).start()
    return future


def start_without_signals(thread: threading.Thread) -> None:
    """Start a thread that takes no signal: whoever waits for one that is blocked would otherwise miss it."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()  # it inherits this mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
