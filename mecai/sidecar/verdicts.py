"""The verdict on each file of the store, by the very rules of a client (`mecai.protocol.verify`), and remembered.

A client accepts a voucher for one address, and a server may have several. So a voucher is good for those of the
configured addresses for which a client would accept it, and of no use if that is none.
"""

import os
from collections.abc import Collection, Hashable, Sequence
from datetime import datetime
from typing import Final

from mecai.errors import VerificationError
from mecai.protocol.limits import LIMITS
from mecai.sidecar.kinds.kind import Servable, StapleKind
from mecai.sidecar.memory import FileMemory, Lasting
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleKey, StapleStore
from mecai.sidecar.wanted import Wanted

LARGEST: Final = max(LIMITS.voucher_size, LIMITS.ocsp_staple_size)  # octets of a file that is a staple at all


class Verdicts:
    """Judges what is in the store, and what is about to be."""

    def __init__(self, store: StapleStore, kinds: Sequence[StapleKind]) -> None:
        self._store = store
        self._kinds = kinds
        self._memory: FileMemory[StapleKey, Servable | None] = FileMemory(LARGEST, follow=False)

    def owned(self, name: str) -> bool:
        """Tell whether a file of this name is of some kind."""
        return any(kind.owns(name) for kind in self._kinds)

    def stored(
        self, key: StapleKey, wanted: Wanted, now: datetime, found: os.stat_result | None = None
    ) -> Servable | None:
        """Return until when what is at `key` may be served; None: it is no staple, or its certificate not configured.

        Of a certificate that is no longer configured, only the time counts: a server that still shows it, or shows it
        again, may go on with what was judged when it was written. `found` is the status of the file as it was a moment
        ago. Raises `VerificationError` or `HostError`.
        """
        kind = next((kind for kind in self._kinds if kind.owns(key.name)), None)
        if kind is None:
            return None
        site = wanted.sites.get(key.certificate)

        def make(data: bytes) -> Lasting[Servable | None]:
            if site is None:
                return Lasting(None, _unexpired(kind.end(data, key), now))
            servable = kind.judge(data, key, site, wanted.directory, now)
            return Lasting(servable, servable.next_update)

        return self._memory.recall(key, self._store.path(key), _basis(site, wanted), now, make, found)

    def remember(self, key: StapleKey, data: bytes, servable: Servable, wanted: Wanted, now: datetime) -> None:
        """Take over the verdict on `data`, which was just written to `key`; raises `HostError`."""
        basis = _basis(wanted.sites[key.certificate], wanted)
        self._memory.put(key, self._store.path(key), data, basis, now, Lasting(servable, servable.next_update))

    def keep(self, keys: Collection[StapleKey]) -> None:
        """Forget what is no longer in the store."""
        self._memory.keep(keys)


def _basis(site: Site | None, wanted: Wanted) -> Hashable:
    return None if site is None else (wanted.basis, site.chain_hash, site.entry.octets)


def _unexpired(end: datetime | None, now: datetime) -> datetime:
    if end is None or end <= now:
        raise VerificationError("expired", "V7", f"ended at {end}")
    return end
