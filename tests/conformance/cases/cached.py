# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C5: which of its cached vouchers a client names to a server, which then does not send them."""

from datetime import datetime, timedelta
from typing import Any

from tests.conformance.parts.der import time
from tests.conformance.parts.directories import content, distrust, signed
from tests.conformance.parts.signing import Signer, ecdsa
from tests.conformance.parts.status import ocsp
from tests.conformance.parts.voucher import Voucher, addresses, contexts
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    DOGWOOD,
    ENTRIES,
    GOOD,
    HOST,
    accepted,
    cached,
    of,
    refused,
    voucher,
)
from tests.pki import DAY, HOUR, NOW, key

SECOND = timedelta(seconds=1)
_THREE = (BIRCH, CEDAR, DOGWOOD)


def times(begin: datetime, end: datetime) -> dict[str, bytes]:
    """Return the two fields of VoucherInfo."""
    return {"thisUpdate": time(begin), "nextUpdate": time(end)}


@case("C5", "T6")
def c5_those_that_fit() -> Situation:
    """Vouchers of cedar and birch are kept, in this order; both fit the peer and are named so."""
    return cached(of(CEDAR), GOOD, held=[of(CEDAR), GOOD])


@case("C5")
def c5_nothing_kept() -> Situation:
    """Nothing is kept, so nothing is named."""
    return cached(held=[])


@case("C5")
def c5_twice() -> Situation:
    """The same voucher is kept twice, once with a signature that was made anew (O6). It is named once."""
    again = voucher(by=Signer(BIRCH.voucher, ecdsa("sha384"), BIRCH.voucher.key))
    return cached(GOOD, of(CEDAR), held=[GOOD, again, of(CEDAR)])


_OTHER = addresses("198.18.0.66")
_ENDED = ocsp(BIRCH.voucher, span=(NOW - DAY, NOW - SECOND))
_UNFIT: dict[str, Voucher] = {
    "of an authority that is no candidate": of(ALDER),
    "for another address of the name": voucher(info={"addresses": _OTHER}),
    "of another context": voucher(info={"trustContexts": contexts("GOO")}),
    "that begins in 301 seconds": voucher(info=times(NOW + 301 * SECOND, NOW + DAY)),
    "that ends in 599 seconds": voucher(info=times(NOW - HOUR, NOW + 599 * SECOND)),
    "that lasts for 72 hours and a second": voucher(info=times(NOW - HOUR, NOW + 71 * HOUR + SECOND)),
    "whose signature does not hold": voucher(by=Signer(BIRCH.voucher, ecdsa("sha256"), key("forger"))),
    "whose authority is revoked": voucher(status=ocsp(BIRCH.voucher, "revoked")),
    "whose authority's status ran out": voucher(status=_ENDED),
}


@case("C5", "T6", over=_UNFIT)
def c5_one(unfit: Voucher) -> Situation:
    """Kept are one voucher {} and cedar's good one. C5: the first is not named, or it would be missing for ever."""
    return cached(of(CEDAR), held=[unfit, of(CEDAR)])


_FIT: dict[str, Voucher] = {
    "that ends in 600 seconds": voucher(info=times(NOW - HOUR, NOW + 600 * SECOND)),
    "that begins in 300 seconds": voucher(info=times(NOW + 300 * SECOND, NOW + DAY)),
    "that lasts for 72 hours": voucher(info=times(NOW - HOUR, NOW + 71 * HOUR)),
    "for another certificate of the name": of(BIRCH, ALDER.server("mail.example.test", HOST)),
}


@case("C5", over=_FIT)
def c5_good_one(fit: Voucher) -> Situation:
    """A voucher {} is kept. It is named: whether it is the server's certificate shows in the handshake only."""
    return cached(fit, held=[fit])


_PEERS: dict[str, dict[str, Any]] = {
    "is unknown": {"peer_address": None},
    "has another address": {"peer_address": "198.18.0.11"},
    "is translated by somebody's prefix": {"peer_address": "2001:db8:64::198.18.0.10"},
}


@case("C5", "V9", over=_PEERS)
def c5_peer_that(changes: dict[str, Any]) -> Situation:
    """The peer {}. Nothing is named."""
    return cached(held=[GOOD], **changes)


_SAME: dict[str, dict[str, Any]] = {
    "by NAT64": {"peer_address": "64:ff9b::198.18.0.10"},
    "by the prefix of this network": {
        "peer_address": "2001:db8:64::198.18.0.10",
        "nat64_prefixes": ["2001:db8:64::/96"],
    },
}


@case("C5", "V9", over=_SAME)
def c5_peer_translated(changes: dict[str, Any]) -> Situation:
    """The peer's address is translated {}. The voucher fits."""
    return cached(GOOD, held=[GOOD], **changes)


@case("C5")
def c5_no_contexts() -> Situation:
    """The client has no contexts of its own, and names a voucher of whatever contexts."""
    other = voucher(info={"trustContexts": contexts("GOO")})
    return cached(other, held=[other], contexts=[])


@case("C5", "V3", "D7")
def c5_distrusted_meanwhile() -> Situation:
    """Since birch's voucher was kept, the directory has come to distrust birch's root."""
    newer = signed(content(*ENTRIES, distrust=[distrust(BIRCH.root, NOW - HOUR)]))
    return cached(of(CEDAR), held=[GOOD, of(CEDAR)], directory=newer)


@case("C5", "V3")
def c5_no_longer_listed() -> Situation:
    """Since birch's voucher was kept, birch has left the directory."""
    newer = signed(content(*(each for each in ENTRIES if each["name"] != "birch")))
    return cached(of(CEDAR), held=[GOOD, of(CEDAR)], directory=newer)


@case("C5", "T6")
def c5_seventeen() -> Situation:
    """Seventeen vouchers that fit are kept; the extension has room for the first sixteen."""
    begins = [NOW - minute * 60 * SECOND for minute in range(6)]
    held = [of(authority, info=times(begin, NOW + DAY)) for begin in begins for authority in _THREE]
    return cached(*held[:16], held=held[:17])


@case("C5", "T6", "V9")
def c5_named_and_passing() -> Situation:
    """The server sent nothing anew; birch's voucher was named and passes every rule."""
    return accepted(GOOD)


@case("C5", "V8", "C3")
def c5_named_for_another_certificate() -> Situation:
    """Birch's voucher was named, fitted the peer, and is for another certificate than the server now shows."""
    return refused("certificate-mismatch", of(BIRCH, ALDER.server("mail.example.test", HOST)))
