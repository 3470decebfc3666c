"""What a client does besides, after a verdict and without anybody waiting for it: one thread, and no more than some."""

import heapq
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from mecai.service.deadline import Deadline
from mecai.service.printable import words

LOG: Final = logging.getLogger(__name__)
ROOM: Final = 16  # errands that wait; whatever else comes meanwhile is not done

# Returns the seconds after which it is to be done again, or None.
Errand = Callable[[], float | None]


class Errands:
    """Done one after the other by a daemon thread, which is there only while there are any."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self.renew()
        _ALL.add(self)

    def renew(self) -> None:
        """Have nothing to do, as in the child of a fork: what waited is its parent's to do, and so are the threads."""
        self._changed = threading.Condition()
        self._ready: deque[Errand] = deque()
        self._later: list[tuple[float, int, Errand]] = []  # a heap: when, by the monotonic clock
        self._count = 0
        self._busy = False
        self._thread: threading.Thread | None = None

    def put(self, errand: Errand) -> bool:
        """Have it done soon, once where it waits already; returns False where there is no room, or can be no thread."""
        with self._changed:
            if errand in self._ready:
                return True
            if len(self._ready) >= self._room:
                return False
            self._later = [entry for entry in self._later if entry[2] != errand]
            heapq.heapify(self._later)
            self._ready.append(errand)
            self._changed.notify_all()
            return self._thread is not None or self._begin()

    def _begin(self) -> bool:
        """Start the thread; there can be none where too many are, or where the program ends (Python 3.12)."""
        thread = threading.Thread(target=self._run, name="errands", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            LOG.info("an errand of the client is not done: %s", words(error))
            self._ready.clear()
            return False
        self._thread = thread
        return True

    def wait(self, deadline: Deadline) -> bool:
        """Wait until everything is done that was not put off; returns False if the deadline is over first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._ready and not self._busy, deadline.left())

    def _run(self) -> None:
        while errand := self._next():
            try:
                again = errand()
            except Exception as error:  # whatever it is, it is no matter of those that follow
                LOG.warning("an errand of the client failed: %s", words(error))
                again = None
            with self._changed:
                if again is not None and errand not in self._ready:
                    self._count += 1
                    heapq.heappush(self._later, (time.monotonic() + again, self._count, errand))

    def _next(self) -> Errand | None:
        """Wait for the next errand; None, and the thread ends, where there is none."""
        with self._changed:
            self._busy = False
            while not self._ready:
                self._changed.notify_all()
                if not self._later:
                    self._thread = None
                    return None
                if (left := self._later[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._ready.append(heapq.heappop(self._later)[2])
            self._busy = True
            return self._ready.popleft()


_ALL: Final = weakref.WeakSet[Errands]()


def _begin_anew() -> None:
    """In a child: a thread of the parent may have held a lock at that moment, and would never let go of it here."""
    for errands in list(_ALL):
        errands.renew()


os.register_at_fork(after_in_child=_begin_anew)
