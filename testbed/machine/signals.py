"""Ends that Python would not notice: by default SIGTERM and SIGHUP end a process with nothing undone (signal(7))."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

_ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwinding() -> Iterator[None]:
    """Let these signals unwind the stack as Ctrl-C does, so that whatever has to be undone is; main thread only."""
    end = partial(_end, os.getpid())
    before = {number: signal.signal(number, end) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(owner: int, number: int, _frame: object) -> None:
    if os.getpid() == owner:
        raise KeyboardInterrupt
    # A child that was forked since has nothing of ours to undo: it ends as it would have.
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
