"""Young vouchers answer whoever asks for the same (docs/spec R6): no probe, no signature, no row of the log.

A voucher's content is what it says, but for its number, its times and its evidence, by which it differs from any other.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import hash_of, sha256

# Of a voucher's life, at most: who comes back when half of what is left is over gets another one.
YOUTH: Final = 4


@dataclass(frozen=True)
class Content:
    """What two vouchers have in common that may stand for each other: the path, end entity first, is named by hashes.

    The VA's certificate is part of it, for one that was replaced may be revoked. The order of the addresses is not.
    """

    authority: x509.Certificate
    path: Sequence[bytes]
    addresses: Sequence[bytes]
    port: int
    contexts: Sequence[str]
    intermediates_matched: bool

    @property
    def hash(self) -> bytes:
        """Return 32 octets that differ where the content does."""
        names = [hash_of(self.authority), *self.path]
        said = [
            [name.hex() for name in names],
            sorted(address.hex() for address in self.addresses),
            [self.port, self.intermediates_matched],
            list(self.contexts),
        ]
        return sha256(json.dumps(said).encode())


def young_until(info: VoucherInfo, longest: timedelta) -> datetime:
    """Return until when a voucher is young: for `longest`, or a quarter of its life if that is less; whole seconds."""
    life = info.next_update - info.this_update
    return info.this_update + min(longest, timedelta(seconds=life // timedelta(seconds=YOUTH)))
