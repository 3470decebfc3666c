"""What several connections want to know at the same time is asked once: a browser opens six of them to a site."""

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from typing import Any, Final, Generic, TypeVar

from mecai.errors import VerificationError
from mecai.service.deadline import Deadline

Result = TypeVar("Result")


class InFlight(Generic[Result]):
    """Questions that are being asked; safe for threads. Nothing is remembered beyond its answer."""

    def __init__(self) -> None:
        self.renew()
        _ALL.add(self)

    def renew(self) -> None:
        """Forget what is being asked, as in the child of a fork, which has none of the threads that ask."""
        self._lock = threading.Lock()
        self._asked: dict[Hashable, Future[Result]] = {}

    def ask(self, key: Hashable, ask: Callable[[], Result], deadline: Deadline) -> Result:
        """Return or raise what `ask` does, for `key` perhaps in another thread that began before.

        Raises `VerificationError` (no-voucher) where that thread takes longer than `deadline`.
        """
        mine = Future[Result]()
        with self._lock:
            answer = self._asked.setdefault(key, mine)
        if answer is mine:
            return self._ask(key, mine, ask)
        try:
            return answer.result(deadline.left())
        except TimeoutError as error:
            raise VerificationError("no-voucher", "M5", "there was no answer to who asked before") from error
        except CancelledError:  # that thread was interrupted, as by Ctrl-C
            return ask()

    def _ask(self, key: Hashable, mine: Future[Result], ask: Callable[[], Result]) -> Result:
        try:
            result = ask()
        except Exception as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            mine.cancel()  # which a future that is done takes no notice of
            with self._lock:
                del self._asked[key]


_ALL: Final = weakref.WeakSet[InFlight[Any]]()


def _renew_all() -> None:
    for each in list(_ALL):
        each.renew()


os.register_at_fork(after_in_child=_renew_all)
