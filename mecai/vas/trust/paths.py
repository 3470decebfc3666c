"""The paths that chains were found to have, remembered while nothing about them can change.

Which path a chain has follows from its octets, from the directory and from the time; and from the time only by when
certificates begin and end. So what was found holds for these octets, in this directory, until one of them does. Chains
without a path are not remembered: strangers make up as many as they please.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.certificates import unchanged
from mecai.protocol.pki.identity import hash_of, spki_hash
from mecai.protocol.pki.malleability import equivalent_hashes
from mecai.protocol.pki.path import validate_chain
from mecai.protocol.remembered import Remembered

PATHS: Final = 2048  # that are remembered, of some 5 KiB each; the one that was not asked for longest goes
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


class Paths:
    """Paths by the SHA-256 of the chain's certificates, in the order in which they were presented."""

    def __init__(self, room: int = PATHS) -> None:
        self._kept: Remembered[_Key, tuple[Directory, Path]] = Remembered(room)

    def of(self, chain: Chain, directory: Directory, now: datetime) -> Path:
        """Return the path of a chain, end entity first, to a root of the directory; raises `VerificationError`."""
        key: _Key = (directory.context, *map(hash_of, chain))
        by, path = self._kept.get(key, now) or (None, None)
        if path is None or by is not directory:
            path = _find(chain, directory, now)
            self._kept.put(key, (directory, path), *unchanged((*chain, *path.certificates), now))
        return path


def _find(chain: Chain, directory: Directory, now: datetime) -> Path:
    path = validate_chain(chain[0], directory.anchored(chain[1:]), directory.anchors, None, now)
    names = frozenset[bytes]().union(*map(equivalent_hashes, path), map(spki_hash, path[1:]))
    return Path(tuple(path), directory.owner_groups_of(chain, path), names)
