"""A refused or disputed certificate is so in other octets too, which anybody can make (X4, H9; ADR 0042)."""

from typing import Any

import pytest

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import certificate_hash
from mecai.vas.storage.complaints import ComplaintLog, Decision, Objection
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from tests.pki import HOUR, NOW, Issued
from tests.twins import twin
from tests.unit.vas.outside import ALDER, ONE, SITE, Make, Vas

TWIN = twin(SITE)
RENEWED = ALDER.server("www.example.test", days=91, server_key=SITE.key)


def show(vas: Vas, server: Issued) -> Any:
    """Let the site show a certificate, and ask for a voucher; return status and code."""
    vas.outside.responders.know(ALDER, server)
    vas.outside.shown = {ONE: server.chain_der}
    answer = vas.ask(VoucherRequest(server.der, server.chain_der[1:], (ONE,), 443))
    return answer.status_code, str((answer.json or {}).get("type", "")).rpartition("/")[2]


def refuse(vas: Vas, certificate: Issued) -> None:
    key = RefusedKey(certificate_hash(certificate.der), None, NOW, "operator", "stolen", "certificate")
    DistrustLog(vas.server.engine).add(key)


def object_to(vas: Vas, certificate: Issued, domain: str = "www.example.test") -> None:
    ComplaintLog(vas.server.engine).keep(Objection(certificate_hash(certificate.der), domain, "192.0.2.9"), NOW)


def decide(vas: Vas, certificate: Issued, decision: Decision) -> int:
    return ComplaintLog(vas.server.engine).decide(certificate_hash(certificate.der), decision, "looked at", NOW)


@pytest.fixture
def seen(make: Make) -> Vas:
    """Make a VAS that has known the site for two hours, and nothing else."""
    vas = make(hold=HOUR, certificate_requests_per_minute=1000, address_requests_per_minute=1000)
    assert show(vas, SITE) == (202, "")
    vas.outside.now = NOW + 2 * HOUR
    return vas


@pytest.mark.parametrize(("refused", "shown"), [(SITE, TWIN), (TWIN, SITE)], ids=["twin", "original"])
def test_a_refusal_needs_no_log(vas: Vas, refused: Issued, shown: Issued) -> None:
    """A notice names a hash, perhaps of what this VA never saw."""
    refuse(vas, refused)
    assert show(vas, shown) == (403, "distrusted")


def test_a_refusal_is_of_issuing_certificates_too(vas: Vas) -> None:
    refuse(vas, ALDER.issuing)
    other = twin(ALDER.issuing)
    vas.outside.shown = {ONE: (SITE.der, other.der)}
    answer = vas.ask(VoucherRequest(SITE.der, (other.der,), (ONE,), 443))
    assert answer.status_code == 403


def test_what_comes_after_an_objection_is_disputed(seen: Vas) -> None:
    object_to(seen, SITE)
    assert show(seen, TWIN) == (403, "disputed")


def test_what_came_before_an_objection_is_disputed(seen: Vas) -> None:
    assert show(seen, TWIN) == (200, "")
    object_to(seen, SITE)
    assert show(seen, TWIN) == (403, "disputed")


@pytest.mark.parametrize("named", [SITE, TWIN], ids=["original", "twin"])
def test_who_dismisses_an_objection_has_both_vouched_for(seen: Vas, named: Issued) -> None:
    object_to(seen, SITE)
    show(seen, TWIN)
    assert decide(seen, named, Decision.DISMISSED) == 1
    assert (show(seen, SITE), show(seen, TWIN)) == ((200, ""), (200, ""))


def test_what_is_upheld_for_one_is_so_for_both(seen: Vas) -> None:
    object_to(seen, SITE)
    decide(seen, SITE, Decision.UPHELD)
    show(seen, TWIN)
    object_to(seen, TWIN)
    decide(seen, TWIN, Decision.DISMISSED)
    assert (show(seen, SITE), show(seen, TWIN)) == ((403, "disputed"), (403, "disputed"))


@pytest.mark.parametrize("end", [refuse, object_to], ids=["refused", "disputed"])
def test_a_predecessor_in_other_octets_ends_no_hold(seen: Vas, end: Any) -> None:
    assert show(seen, TWIN) == (200, "")
    seen.outside.now += 2 * HOUR
    end(seen, SITE)
    assert show(seen, RENEWED) == (202, "")
    assert seen.released() == ["renewal"]  # of the twin, before
