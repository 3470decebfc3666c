"""Requests in flight: identical ones share the work of the first, and with it one probe (docs/spec R6).

This holds within one process. A VAS therefore runs one worker process with many threads (gunicorn's `gthread`); several
processes or nodes probe once each where all are asked at the same moment, and give the voucher of who was first (ADR
0045): that costs a handshake, and a lock in the database would cost each request more.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

from mecai.service.deadline import Deadline

Result = TypeVar("Result")


class RequestsInFlight(Generic[Result]):
    """What is being worked on, by key; nothing is kept once it is done."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, Future[Result]] = {}
        self._lock = threading.Lock()

    def join(self, key: Hashable, work: Callable[[], Result], deadline: Deadline) -> Result:
        """Do `work`, or wait for who does it already under the same key; its error is everybody's.

        Raises `TimeoutError` when the other one is not done by the deadline.
        """
        with self._lock:
            future = self._futures.get(key)
            if mine := future is None:
                future = self._futures[key] = Future()
        if mine:
            self._lead(key, future, work)
        return future.result(timeout=deadline.left())

    def _lead(self, key: Hashable, future: Future[Result], work: Callable[[], Result]) -> None:
        """Do the work; it leaves the table first, so that nobody joins what is over."""
        try:
            result = work()
        except BaseException as error:  # handed on to everybody who waits, whatever it is
            settle = partial(future.set_exception, error)
        else:
            settle = partial(future.set_result, result)
        with self._lock:
            del self._futures[key]
        settle()
