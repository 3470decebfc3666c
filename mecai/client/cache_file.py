"""Vouchers that a client keeps for its next connections, in a file: for programs that end, and for several at once.

What `mecai.client.cache` keeps in memory, in SQLite: a crash leaves what was there before or after a change, and
processes take turns. Nothing that is read there is believed: what a client names it judges first, and what then counts
it judges anew (docs/spec, C5). A cache that is broken is made anew; what is no cache is left as it is and not used, and
neither is a file that others may read: they would see which hosts were visited.
"""

import contextlib
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from mecai.client.cache import NAMES
from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import Voucher, parse_voucher

LOG: Final = logging.getLogger(__name__)
PATIENCE: Final = 0.05  # seconds that another process may hold the file; whoever connects waits for no more
_MARK: Final = 0x4D454341  # "MECA", the application id of a cache (sqlite.org/fileformat2, 1.3.15)
_MARK_AT: Final = 68  # octets from the beginning
_VERSION: Final = 1  # of the table; a cache of another one is made anew
_OTHERS: Final = 0o077
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS voucher (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL, hash BLOB NOT NULL, der BLOB NOT NULL, UNIQUE (name, hash)
) STRICT
"""
_HELD: Final = "SELECT der FROM voucher WHERE name = ? AND length(der) <= ? ORDER BY place DESC LIMIT ?"
_FORGET: Final = "DELETE FROM voucher WHERE name = ? AND hash = ?"
_KEEP: Final = "INSERT INTO voucher (name, hash, der) VALUES (?, ?, ?)"
_LESS: Final = """
DELETE FROM voucher WHERE name = :name AND place NOT IN (
  SELECT place FROM voucher WHERE name = :name ORDER BY place DESC LIMIT :most)
"""
_FEWER: Final = """
DELETE FROM voucher WHERE name NOT IN (SELECT name FROM voucher GROUP BY name ORDER BY max(place) DESC LIMIT ?)
"""

Result = TypeVar("Result")


class VoucherFile:
    """The newest vouchers of each host name; safe for threads and processes, forked ones too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._said = False

    def held(self, name: str) -> tuple[Voucher, ...]:
        """Return what is kept for a host name, the oldest first; nothing of what is no voucher."""

        def read(file: sqlite3.Connection) -> list[tuple[bytes]]:
            return file.execute(_HELD, (name, LIMITS.voucher_size, LIMITS.cached_vouchers)).fetchall()

        rows = self._using(read, list[tuple[bytes]]())
        return tuple(_vouchers(der for (der,) in reversed(rows)))

    def settle(self, name: str, named: Iterable[Voucher], passed: Iterable[Voucher]) -> None:
        """Forget those that were `named` and did not pass, and keep those that did."""
        gone, kept = tuple(named), tuple(passed)

        def write(file: sqlite3.Connection) -> None:
            file.executemany(_FORGET, [(name, each.hash) for each in (*gone, *kept)])
            file.executemany(_KEEP, [(name, each.hash, each.der) for each in kept])
            file.execute(_LESS, {"name": name, "most": LIMITS.cached_vouchers})
            file.execute(_FEWER, (NAMES,))

        self._using(write, None)

    def _using(self, work: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        """Do work in one transaction; a broken cache is made anew once, and one that cannot be used is said once."""
        with self._lock:
            for attempt in range(2):
                try:
                    with contextlib.closing(self._connection()) as file, file:  # commits or rolls back, then closes
                        return work(file)
                except (sqlite3.Error, OSError) as error:
                    if attempt == 0 and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
                        with contextlib.suppress(OSError):
                            self._path.unlink()
                        continue
                    if not self._said:
                        LOG.warning("%s: is not used, vouchers are asked for anew: %s", self._path, error)
                        self._said = True
                    return otherwise
        return otherwise

    def _connection(self) -> sqlite3.Connection:
        """Open it anew: one must not go over a fork (sqlite.org/howtocorrupt.html, 2.6), and nobody would close it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_cache(self._path)
        file = sqlite3.connect(self._path, timeout=PATIENCE)
        try:
            _prepare(file)
        except BaseException:
            file.close()
            raise
        return file


def _require_cache(path: Path) -> None:
    """Make the file, or refuse, as `OSError`, one that is no cache or that others may read."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, 0o600)
    try:
        status, begin = os.fstat(descriptor), os.pread(descriptor, _MARK_AT + 4, 0)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode) or (begin and begin[_MARK_AT:] != _MARK.to_bytes(4)):
        raise OSError("it is no cache of vouchers; name another file")
    if status.st_mode & _OTHERS:
        raise OSError(f"others may read or write it (mode {status.st_mode & 0o777:o}); chmod 600 it")


def _prepare(file: sqlite3.Connection) -> None:
    """Make the table, in the place of another version's."""
    (version,) = file.execute("PRAGMA user_version").fetchone()
    if version != _VERSION:
        file.execute(f"PRAGMA application_id = {_MARK}")
        file.execute("DROP TABLE IF EXISTS voucher")
        file.execute(f"PRAGMA user_version = {_VERSION}")
    file.execute(_TABLE)


def _vouchers(encoded: Iterable[bytes]) -> Iterator[Voucher]:
    for der in encoded:
        with contextlib.suppress(Malformed):
            yield parse_voucher(der)
