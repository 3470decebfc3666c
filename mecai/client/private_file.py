"""What a client keeps in a file for its next programs, and several of them at once, in SQLite.

A crash leaves what was there before or after a change, and processes take turns. A file that is broken is made anew;
what is no such file is left as it is and not used, and neither is one that others may read: they would see which hosts
were visited.

Threads take turns as well, by whatever object they use a file: who closes any descriptor of it gives up the
locks of the whole process on it, and a fork would take over what SQLite believes it has locked
(sqlite.org/howtocorrupt.html, 2.2 and 2.6).
"""

import contextlib
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from mecai.errors import HostError

LOG: Final = logging.getLogger(__name__)
_MARK_AT: Final = 68  # octets from the beginning, where an application id is (sqlite.org/fileformat2, 1.3.15)
_OTHERS: Final = 0o077
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"

Result = TypeVar("Result")


class _Turns:
    """Whose turn it is at each file of this process; none is anybody's while it forks."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._files: dict[str, threading.Lock] = {}

    @contextlib.contextmanager
    def at(self, path: Path, patience: float) -> Iterator[None]:
        """Have the file to oneself; raises `OSError` where another thread has it for longer than `patience`."""
        with self._guard:
            turn = self._files.setdefault(os.path.realpath(path), threading.Lock())
        if not turn.acquire(timeout=patience):
            raise OSError("another thread holds it")
        try:
            yield
        finally:
            turn.release()

    def begin_fork(self) -> None:
        """Wait until no thread is at any file, which each leaves in bounded time."""
        self._guard.acquire()
        for turn in self._files.values():
            turn.acquire()

    def end_fork(self) -> None:
        """Go on, in the parent and in the child."""
        for turn in self._files.values():
            turn.release()
        self._guard.release()


_TURNS: Final = _Turns()
os.register_at_fork(before=_TURNS.begin_fork, after_in_parent=_TURNS.end_fork, after_in_child=_TURNS.end_fork)


class PrivateFile:
    """One file; safe for threads and processes, forked ones too.

    `mark` is the application id of its kind, `version` that of its `tables`, made in the place of another version's;
    `kind` names it in a person's words, and `lost` says what it costs when it cannot be used.
    """

    def __init__(self, path: Path, mark: int, version: int, tables: Sequence[str], kind: str, lost: str) -> None:  # noqa: PLR0917
        self.path = path
        self._mark, self._version, self._tables, self._kind, self._lost = mark, version, tables, kind, lost
        self._said = False

    def using(self, work: Callable[[sqlite3.Connection], Result], otherwise: Result, patience: float) -> Result:
        """Do work in one transaction; a file that cannot be used gives `otherwise`, and is said once.

        `patience` is how long another process may hold the file, or another thread, in seconds.
        """
        try:
            return self.strictly(work, patience)
        except HostError as error:
            if not self._said:
                LOG.warning("%s; %s", error, self._lost)
                self._said = True
            return otherwise

    def strictly(self, work: Callable[[sqlite3.Connection], Result], patience: float) -> Result:
        """Do work in one transaction; raises `HostError`. A broken file is made anew once."""
        try:
            with _TURNS.at(self.path, patience):
                return self._do_twice(work, patience)
        except (sqlite3.Error, OSError) as error:
            raise HostError(f"{self.path}: is not used: {error}") from error

    def _do_twice(self, work: Callable[[sqlite3.Connection], Result], patience: float) -> Result:
        try:
            return self._do(work, patience)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_CORRUPT:
                raise
        with contextlib.suppress(OSError):
            self.path.unlink()
        return self._do(work, patience)

    def _do(self, work: Callable[[sqlite3.Connection], Result], patience: float) -> Result:
        with contextlib.closing(self._connection(patience)) as file, file:  # commits or rolls back, then closes
            return work(file)

    def _connection(self, patience: float) -> sqlite3.Connection:
        """Open it anew: one must not go over a fork (sqlite.org/howtocorrupt.html, 2.6), and nobody would close it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._require_own()
        file = sqlite3.connect(self.path, timeout=patience)
        try:
            self._prepare(file)
        except BaseException:
            file.close()
            raise
        return file

    def _require_own(self) -> None:
        """Make the file, or refuse, as `OSError`, one of another kind or that others may read."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, 0o600)
        try:
            status, begin = os.fstat(descriptor), os.pread(descriptor, _MARK_AT + 4, 0)
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(status.st_mode) or (begin and begin[_MARK_AT:] != self._mark.to_bytes(4)):
            raise OSError(f"it is no {self._kind}; name another file")
        if status.st_mode & _OTHERS:
            raise OSError(f"others may read or write it (mode {status.st_mode & 0o777:o}); chmod 600 it")

    def _prepare(self, file: sqlite3.Connection) -> None:
        """Make the tables, in the place of another version's: one process does, and others find them."""
        if self._is_current(file):
            return
        file.execute("BEGIN IMMEDIATE")
        with file:
            if self._is_current(file):
                return
            for (name,) in file.execute(_TABLES).fetchall():
                file.execute(f'DROP TABLE "{name}"')
            for table in self._tables:
                file.execute(table)
            file.execute(f"PRAGMA application_id = {self._mark}")
            file.execute(f"PRAGMA user_version = {self._version}")

    def _is_current(self, file: sqlite3.Connection) -> bool:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        return bool(version == self._version)
