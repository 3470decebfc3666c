"""Vouchers that a client keeps for its next connections, in a file: for programs that end, and for several at once.

What `mecai.client.cache` keeps in memory (`mecai.client.private_file` says how). Nothing that is read there is
believed: what a client names it judges first, and what then counts it judges anew (docs/spec, C5).
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from mecai.client.cache import NAMES
from mecai.client.private_file import PrivateFile
from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import Voucher, parse_voucher

PATIENCE: Final = 0.05  # seconds that another process may hold the file; whoever connects waits for no more
_MARK: Final = 0x4D454341  # "MECA"
_VERSION: Final = 1
_TABLE: Final = """
CREATE TABLE voucher (
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
        self._file = PrivateFile(path, _MARK, _VERSION, [_TABLE], "cache of vouchers", "vouchers are asked for anew")

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
        return self._file.using(work, otherwise, PATIENCE)


def _vouchers(encoded: Iterable[bytes]) -> Iterator[Voucher]:
    for der in encoded:
        with contextlib.suppress(Malformed):
            yield parse_voucher(der)
