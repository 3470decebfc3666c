"""Vouchers that a client keeps for its next connections, in a file: for programs that end, and for several at once.

What `mecai.client.cache` keeps in memory, in SQLite: a crash leaves what was there before or after a change, and
processes take turns. Nothing that is read there is believed: what a client names it judges first, and what then counts
it judges anew (docs/spec, C5). A file that is no database is made anew; one that cannot be used costs the use of it.

Whoever can read the file sees which hosts were visited, so that nobody else may (0600).
"""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from mecai.client.cache import NAMES
from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import Voucher, parse_voucher

LOG: Final = logging.getLogger(__name__)
PATIENCE: Final = 1.0  # seconds that another process may hold the file
_VERSION: Final = 1  # of the table; a file of another one is made anew
_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
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
        self._open: tuple[int, sqlite3.Connection] | None = None
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
        """Do work in one transaction; a broken file is made anew once, and one that cannot be used is said once."""
        with self._lock:
            for attempt in range(2):
                try:
                    with self._connection() as file:  # commits, or rolls back
                        return work(file)
                except (sqlite3.Error, OSError) as error:
                    self._close()
                    if attempt == 0 and getattr(error, "sqlite_errorcode", None) in _BROKEN:
                        with contextlib.suppress(OSError):
                            self._path.unlink()
                        continue
                    if not self._said:
                        LOG.warning("%s: is not used, vouchers are asked for anew: %s", self._path, error)
                        self._said = True
                    return otherwise
        return otherwise

    def _connection(self) -> sqlite3.Connection:
        """Return this process's connection: one must not go over a fork (sqlite.org/howtocorrupt.html, 2.6)."""
        if self._open is not None and self._open[0] == os.getpid():
            return self._open[1]
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        file = sqlite3.connect(self._path, timeout=PATIENCE, check_same_thread=False)
        try:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                file.execute("DROP TABLE IF EXISTS voucher")
                file.execute(f"PRAGMA user_version = {_VERSION}")
            file.execute(_TABLE)
        except BaseException:
            file.close()
            raise
        self._open = os.getpid(), file
        return file

    def _close(self) -> None:
        if self._open is not None and self._open[0] == os.getpid():
            with contextlib.suppress(sqlite3.Error):
                self._open[1].close()
        self._open = None


def _vouchers(encoded: Iterable[bytes]) -> Iterator[Voucher]:
    for der in encoded:
        with contextlib.suppress(Malformed):
            yield parse_voucher(der)
