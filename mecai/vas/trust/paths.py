"""The paths that chains were found to have, remembered while nothing about them can change.

Which path a chain has follows from its octets, from the directory and from the time; and from the time only by when
certificates begin and end. So what was found holds for these octets, in this directory, until one of them does. Chains
without a path are not remembered: strangers make up as many as they please.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import hash_of, spki_hash
from mecai.protocol.pki.malleability import equivalent_hashes
from mecai.protocol.pki.path import validate_chain

PATHS: Final = 2048  # that are remembered, of some 5 KiB each; the one that was not asked for longest goes
_SECOND: Final = timedelta(seconds=1)
_Key = tuple[str | bytes, ...]  # the context, and SHA-256 of each certificate

Chain = Sequence[x509.Certificate]


@dataclass(frozen=True)
class Path:
    """A chain's path, end entity to root; by its directory, `owners` are those who may not vouch for it (V6).

    By one of its `names`, each a SHA-256, an operator may refuse it (X4): each certificate, in whatever octets, and the
    key of each CA.
    """

    certificates: tuple[x509.Certificate, ...]
    owners: frozenset[str]
    names: frozenset[bytes]


@dataclass(frozen=True)
class _Remembered:
    path: Path
    directory: Directory
    first: datetime  # second in which it holds
    last: datetime


class Paths:
    """Paths by the SHA-256 of the chain's certificates, in the order in which they were presented."""

    def __init__(self, room: int = PATHS) -> None:
        self._room = room
        self._kept: OrderedDict[_Key, _Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, chain: Chain, directory: Directory, now: datetime) -> Path:
        """Return the path of a chain, end entity first, to a root of the directory; raises `VerificationError`."""
        key: _Key = (directory.context, *map(hash_of, chain))
        found = self._recall(key)
        if found is not None and found.directory is directory and found.first <= now <= found.last:
            return found.path
        path = _find(chain, directory, now)
        self._remember(key, _Remembered(path, directory, *_unchanged((*chain, *path.certificates), now)))
        return path

    def _recall(self, key: _Key) -> _Remembered | None:
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
        return found

    def _remember(self, key: _Key, found: _Remembered) -> None:
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)


def _find(chain: Chain, directory: Directory, now: datetime) -> Path:
    path = validate_chain(chain[0], directory.anchored(chain[1:]), directory.anchors, None, now)
    names = frozenset[bytes]().union(*map(equivalent_hashes, path), map(spki_hash, path[1:]))
    return Path(tuple(path), directory.owner_groups_of(chain, path), names)


def _unchanged(certificates: Chain, now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last second, around `now`, in which the same certificates are valid."""
    begins = [each.not_valid_before_utc for each in certificates]
    ends = [each.not_valid_after_utc for each in certificates]  # the last second of each; the year 9999 has no next one
    first = [each for each in begins if each <= now] + [each + _SECOND for each in ends if each < now]
    last = [each for each in ends if each >= now] + [each - _SECOND for each in begins if each > now]
    return max(first), min(last)
