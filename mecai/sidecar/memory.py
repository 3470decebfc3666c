"""What was made of a file, for as long as it would come out the same: nothing is judged again that has not changed.

A result holds while the file's content, what else it rests upon (its basis) and the clock stand as they did: not after
its own end, not before the moment at which it was made, and never for longer than three hours, for there are ends that
it does not know (a delegate's certificate, say).

A file whose status (inode, size, both times) is as it was is not even read. Only a file that was changed just before it
was read might be changed once more within the same tick of the file system's clock: that one is read again, and its
content decides (`mecai.service.file_status`).
"""

import os
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar

from mecai.protocol.pki.identity import sha256
from mecai.service.durable import host_errors
from mecai.service.file_status import FileStatus
from mecai.service.regular import read_regular, require_regular

LONGEST: Final = timedelta(hours=3)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Lasting(Generic[Value]):
    """A result, and when it ends."""

    value: Value
    until: datetime


@dataclass(frozen=True)
class _Known(Generic[Value]):
    status: FileStatus
    settled: bool
    content: bytes  # SHA-256
    basis: Hashable
    since: datetime
    lasting: Lasting[Value]

    def holds(self, basis: Hashable, now: datetime) -> bool:
        return self.basis == basis and self.since <= now < min(self.lasting.until, self.since + LONGEST)


class FileMemory(Generic[Key, Value]):
    """Results by key, each made of one regular file of at most `limit` octets; without `follow`, of no link."""

    def __init__(self, limit: int, *, follow: bool = True) -> None:
        self._limit = limit
        self._follow = follow
        self._known: dict[Key, _Known[Value]] = {}

    def recall(  # noqa: PLR0917 - all that a result rests upon
        self,
        key: Key,
        path: Path,
        basis: Hashable,
        now: datetime,
        make: Callable[[bytes], Lasting[Value]],
        found: os.stat_result | None = None,
    ) -> Value:
        """Return what `make` makes of the content of `path`, whose status may have been `found` a moment ago.

        Raises `HostError`, `Irregular` among it, and what `make` raises.
        """
        found = found or self._look(path)
        require_regular(path, found, self._limit)
        status = FileStatus.of(found)
        settled = status.settled()  # before the file is read
        known = self._known.get(key)
        if known is not None and known.holds(basis, now):
            if known.settled and known.status == status:
                return known.lasting.value
        else:
            known = None
        data = read_regular(path, self._limit, follow=self._follow)
        content = sha256(data)
        if known is None or known.content != content:
            self._known.pop(key, None)
            known = _Known(status, settled, content, basis, now, make(data))
        self._known[key] = replace(known, status=status, settled=settled)
        return known.lasting.value

    def put(  # noqa: PLR0917 - all that a result rests upon
        self, key: Key, path: Path, data: bytes, basis: Hashable, now: datetime, lasting: Lasting[Value]
    ) -> None:
        """Remember what was made of `data` before it was written to `path`; the next look reads it once more."""
        self._known[key] = _Known(FileStatus.of(self._look(path)), False, sha256(data), basis, now, lasting)

    def _look(self, path: Path) -> os.stat_result:
        with host_errors(path, "read"):
            return path.stat(follow_symlinks=self._follow)

    def keep(self, keys: Collection[Key]) -> None:
        """Forget everything else."""
        for key in self._known.keys() - keys:
            del self._known[key]
