"""What was found out, and need not be found out again until something of it begins or ends.

What an object is worth follows from octets and from the time, and from the time only by such moments. So what was found
holds for the same octets until the next of them. Failures are not remembered: strangers make up as many as they please.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values, each with its time; safe for threads. Beyond `room` of them, the one not asked for longest goes."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[datetime, datetime, Value]] = OrderedDict()

    def get(self, key: Key, now: datetime) -> Value | None:
        """Return what holds at `now`."""
        with self._lock:
            since, until, value = self._kept.get(key) or (now, now, None)
            if not since <= now < until:
                return None
            self._kept.move_to_end(key)
            return value

    def put(self, key: Key, value: Value, since: datetime, until: datetime) -> None:
        """Keep what holds from `since` on and before `until`, if that is any time at all."""
        if until <= since:
            return
        with self._lock:
            self._kept[key] = since, until, value
            self._kept.move_to_end(key)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Forget the value of a key, if there is one."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
