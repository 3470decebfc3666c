# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V1, what a voucher says about status: E1, E2, E5. What is wrong here is wrong under a good signature."""

from tests.conformance.parts.der import enumerated, integer, octets, sequence
from tests.conformance.parts.status import by_crl, by_ocsp, short_lived
from tests.conformance.parts.voucher import issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, HOST, SITE, of, refused, voucher
from tests.pki import DAY, NOW, ca_extensions, issue, key

_EVIDENCE = tuple(map(by_ocsp, issuers(SITE)))
_ENTRIES = tuple(item.entry() for item in _EVIDENCE)


def _entries(*entries: bytes) -> Situation:
    return refused("malformed", voucher(info={"statusEvidence": sequence(*entries)}))


@case("V1", "E1")
def e1_no_evidence() -> Situation:
    """The field statusEvidence is empty."""
    return _entries()


@case("V1", "E1")
def e1_none_for_the_intermediate() -> Situation:
    """The field statusEvidence speaks of the end entity only. E1: one entry per non-root certificate."""
    return _entries(_ENTRIES[0])


@case("V1", "E1")
def e1_order() -> Situation:
    """The field statusEvidence begins with the intermediate. E1: end entity first."""
    return _entries(*reversed(_ENTRIES))


@case("V1", "E1")
def e1_one_too_many() -> Situation:
    """The field statusEvidence has an entry for birch's Voucher Authority, which is not of the server's chain."""
    return _entries(*_ENTRIES, by_crl(BIRCH.voucher).entry())


@case("V1", "E2")
def e2_ocsp_without_hash() -> Situation:
    """The end entity's entry is of method ocsp and names no response."""
    return _entries(_EVIDENCE[0].entry(evidenceHash=b""), _ENTRIES[1])


@case("V1", "E2")
def e2_short_lived_with_hash() -> Situation:
    """The end entity's entry is of method shortLived and has an evidenceHash."""
    site = ALDER.server(HOST, days=1)
    entries = (short_lived(site).entry(evidenceHash=octets(bytes(32))), _ENTRIES[1])
    made = of(BIRCH, site, info={"statusEvidence": sequence(*entries)}, enclosed=[_EVIDENCE[1].response or b""])
    return refused("malformed", made, chain=site.chain_der)


@case("V1", "E2")
def e2_short_hash() -> Situation:
    """An evidenceHash has 20 octets, as SHA-1 would."""
    return _entries(_EVIDENCE[0].entry(evidenceHash=octets(bytes(20))), _ENTRIES[1])


@case("V1", "E2")
def e2_unknown_method() -> Situation:
    """The method is 3, which nobody has defined."""
    return _entries(_EVIDENCE[0].entry(method=enumerated(3)), _ENTRIES[1])


@case("V1", "E2", "I6")
def e2_method_as_integer() -> Situation:
    """The method is an INTEGER 0 where the definition says ENUMERATED."""
    return _entries(_EVIDENCE[0].entry(method=integer(0)), _ENTRIES[1])


@case("V1", "E5")
def e5_short_lived_intermediate() -> Situation:
    """The issuing CA's certificate lives for six days, and its entry is of method shortLived. E5: end entity only."""
    ca_key = key("alder brief CA")
    brief = issue("alder brief CA", ca_key, ALDER.root, ca_extensions(ca_key, 0), span=(NOW - DAY, NOW + 5 * DAY))
    site = ALDER.server(HOST, parent=brief)
    made = of(BIRCH, site, evidence=[by_ocsp(site), short_lived(brief)])
    return refused("malformed", made, chain=site.chain_der)
