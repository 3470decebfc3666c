"""Vouchers that a client keeps for its next connections to a host name (docs/spec, C5): in memory, no longer than it.

Off unless `client.toml` says so: what is named to a server tells it that it has met this client before.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import Voucher

NAMES: Final = 256  # host names; the one that was used longest ago goes first


class VoucherCache:
    """The newest vouchers of each host name; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, dict[bytes, Voucher]] = OrderedDict()

    def held(self, name: str) -> tuple[Voucher, ...]:
        """Return what is kept for a host name, the oldest first."""
        with self._lock:
            return tuple(self._kept.get(name, {}).values())

    def settle(self, name: str, named: Iterable[Voucher], passed: Iterable[Voucher]) -> None:
        """Forget those that were `named` and did not pass, and keep those that did."""
        with self._lock:
            kept = self._kept.pop(name, {})
            for voucher in named:
                kept.pop(voucher.hash, None)
            kept |= {voucher.hash: voucher for voucher in passed}
            if kept:
                self._kept[name] = dict(list(kept.items())[-LIMITS.cached_vouchers :])
            while len(self._kept) > NAMES:
                self._kept.popitem(last=False)
