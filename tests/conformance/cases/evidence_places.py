# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V8, V11, E5: which certificate of a longer path is spoken of, and how short a life is."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.der import (
    octets,
    sequence,
)
from tests.conformance.parts.status import Evidence, by_ocsp, ocsp, short_lived
from tests.conformance.parts.voucher import Voucher, issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    HOST,
    of,
    refused,
)
from tests.pki import DAY, HOUR, NOW, issue, key, leaf_extensions

SECOND = timedelta(seconds=1)
_ISSUING = ALDER.issuing

_DEEP = ALDER.server(HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", ALDER.root, 1)))
_DEEP_CHAIN = issuers(_DEEP)


def _of_deep(place: int, evidence: Evidence, **changes: Any) -> Voucher:
    """Return birch's voucher for a server with two intermediates, with this evidence about one of the three."""
    named = [by_ocsp(item) for item in _DEEP_CHAIN]
    named[place] = evidence
    return of(BIRCH, _DEEP, evidence=named, **changes)


_PLACES = {"end entity": 0, "lower CA": 1, "upper CA": 2}


@case("V11", "E3", over=_PLACES)
def v11_of_three_unknown(place: int) -> Situation:
    """Alder root -- upper CA -- lower CA -- server; the responder does not know the {}."""
    subject = _DEEP_CHAIN[place]
    return refused("status-missing", _of_deep(place, by_ocsp(subject, ocsp(subject, "unknown"))), chain=_DEEP.chain_der)


@case("V11", "E6", over=_PLACES)
def v11_of_three_revoked(place: int) -> Situation:
    """Alder root -- upper CA -- lower CA -- server; the {} is revoked."""
    subject = _DEEP_CHAIN[place]
    return refused("revoked", _of_deep(place, by_ocsp(subject, ocsp(subject, "revoked"))), chain=_DEEP.chain_der)


@case("E6", "V11", over=_PLACES)
def e6_staple_of_three(place: int) -> Situation:
    """The same server; the voucher is good, the staple says that the {} is revoked."""
    return refused("revoked", of(BIRCH, _DEEP), chain=_DEEP.chain_der, staple=ocsp(_DEEP_CHAIN[place], "revoked"))


@case("V8", "O9", over={"lower CA": 1, "upper CA": 2})
def v8_of_two_another(place: int) -> Situation:
    """The same server; birch saw another certificate of the {} than the server presents."""
    seen = [octets(hashlib.sha256(item.der).digest()) for item in _DEEP_CHAIN]
    seen[place] = octets(bytes(32))
    named = [by_ocsp(item) for item in _DEEP_CHAIN]
    named[place] = Evidence(
        bytes(32), named[place].method, named[place].span, named[place].named, named[place].response
    )
    made = of(BIRCH, _DEEP, evidence=named, info={"intermediateHashes": sequence(*seen[1:])})
    return refused("intermediates-mismatch", made, chain=_DEEP.chain_der)


@case("V11", "E5")
def e5_half_gone() -> Situation:
    """The end entity lives for 14 days, of which six are left: its whole validity counts."""
    site = issue(
        HOST,
        key(HOST),
        _ISSUING,
        leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST]),
        span=(NOW - 8 * DAY, NOW + 6 * DAY),
    )
    made = of(BIRCH, site, evidence=[short_lived(site), by_ocsp(_ISSUING)])
    return refused("status-missing", made, chain=site.chain_der)


_SHORT = ALDER.server(HOST, days=2)


@case(
    "V11",
    "E5",
    "E2",
    over={"ended an hour ago": (NOW - DAY, NOW - HOUR), "begins in 301 s": (NOW + 301 * SECOND, NOW + DAY)},
)
def e5_entry_that(span: tuple[datetime, datetime]) -> Situation:
    """The end entity is short-lived; its entry {}, although the certificate goes on."""
    entry = Evidence(hashlib.sha256(_SHORT.der).digest(), 2, span, None)
    return refused("status-stale", of(BIRCH, _SHORT, evidence=[entry, by_ocsp(_ISSUING)]), chain=_SHORT.chain_der)


@case("E6", "E5", "V11")
def e6_short_lived_and_revoked() -> Situation:
    """The end entity is short-lived and the voucher good, but the staple says that it is revoked."""
    made = of(BIRCH, _SHORT, evidence=[short_lived(_SHORT), by_ocsp(_ISSUING)])
    return refused("revoked", made, chain=_SHORT.chain_der, staple=ocsp(_SHORT, "revoked"))
