"""Which vouchers answer a request (docs/spec T6); pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.limits import LIMITS
from mecai.server.items import VoucherItem

_LENGTH: Final = 2  # octets before each voucher, and before all of them


def choose(
    request: RequestExtension,
    vouchers: Sequence[VoucherItem],
    addresses: Sequence[bytes],
    now: datetime,
    room: int,
) -> bytes | None:
    """Return the octets of the answer, at most `room`; None where there is nothing to say.

    `vouchers` are those for the certificate in use, `addresses` where the client may see this server. That the issuer's
    own owner group vouches for nothing is the sidecar's doing and the client's check (ADR 0003).
    """
    chosen, sent, left = 0, [], room - _LENGTH
    for authority in request.candidates:
        if chosen == request.quorum:
            break
        item = _best([each for each in vouchers if _serves(each, authority, request, now)], addresses)
        if item is None:
            continue
        if item.hash not in request.cached:
            if len(item.der) + _LENGTH > left:
                continue  # and the client's next candidate has its place
            left -= len(item.der) + _LENGTH
            sent.append(item.der)
        chosen += 1
    return encode_vouchers(sent) if chosen else None


def _serves(item: VoucherItem, authority: bytes, request: RequestExtension, now: datetime) -> bool:
    if item.authority != authority or item.next_update - now < LIMITS.cached_left:
        return False
    return not request.contexts or not set(request.contexts).isdisjoint(item.contexts)


def _best(items: Sequence[VoucherItem], addresses: Sequence[bytes]) -> VoucherItem | None:
    """Prefer the first that lists an address of this server."""
    own = frozenset(addresses)
    listed = (item for item in items if not own.isdisjoint(item.addresses))
    return next(listed, items[0] if items else None)
