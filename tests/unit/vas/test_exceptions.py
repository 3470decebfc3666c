"""What ends a hold before its time (docs/spec H5, H6, H8), and what nearly does."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from mecai.evidence.collector import COLLECT_SECONDS
from mecai.net.fetch import FetchError
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import certificate_hash, spki_hash
from mecai.vas.admission.admit import SECONDS
from mecai.vas.http.statements import EXPEDITE_TYPE
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from tests.directories import directory
from tests.pki import HOUR, NOW, Issued, key
from tests.responders import Online, Responders
from tests.scene import authority_entry
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, ONE, SECOND, SITE, Make, Vas

DOGWOOD = Online("dogwood")
LATER = NOW + 2 * HOUR  # the hold of what was seen NOW is over
OLD_KEY = SITE.key


def show(vas: Vas, server: Issued, succession: bytes | None = None, ca: Online = ALDER) -> Any:
    """Let the site show a certificate, and ask for a voucher."""
    vas.outside.responders.know(ca, server)
    vas.outside.shown = {ONE: server.chain_der}
    return vas.ask(VoucherRequest(server.der, server.chain_der[1:], (ONE,), 443, succession=succession))


@pytest.fixture
def seen(make: Make) -> Vas:
    """Make a VAS that has known the site for two hours."""
    vas = make(hold=HOUR, certificate_requests_per_minute=1000, address_requests_per_minute=1000)
    assert show(vas, SITE).status_code == 202
    vas.outside.now = LATER
    return vas


def renewed(ca: Online = ALDER, *names: str, of: Any = OLD_KEY) -> Issued:
    return ca.server(*(names or ("www.example.test",)), days=91, server_key=of)


def test_a_renewal_with_the_same_key_does_not_wait(seen: Vas) -> None:
    assert show(seen, renewed()).status_code == 200
    assert seen.released() == ["renewal"]


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (lambda: renewed(ALDER, "www.example.test", "more.example.test"), "one more name"),
        (lambda: renewed(of=key("another")), "another key"),
        (lambda: renewed(CEDAR), "another owner"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_renewal_waits(make: Make, publish: Publish, server: Callable[[], Issued], why: str) -> None:
    vas = make(hold=HOUR)
    publish(directory(ALDER, BIRCH, CEDAR, sequence=2))
    assert show(vas, SITE).status_code == 202
    vas.outside.now = LATER
    ca = CEDAR if why == "another owner" else ALDER
    assert show(vas, server(), ca=ca).status_code == 202
    assert vas.released() == []


def test_predecessors_are_judged_while_there_is_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks has an answer in time (R4), however long the responders of what is in the log are silent."""
    vas = make(hold=HOUR, certificate_requests_per_minute=1000, address_requests_per_minute=1000)
    older = [ALDER.server("www.example.test", days=80 + number, server_key=OLD_KEY) for number in range(5)]
    for each in older:
        assert show(vas, each).status_code == 202
        vas.outside.responders.status[each.certificate.serial_number] = "down"
    vas.outside.now = LATER
    asked = len(vas.outside.responders.history)
    answer = Responders.__call__

    def silent(responders: Responders, url: str, limit: int, **question: Any) -> bytes:
        try:
            return answer(responders, url, limit, **question)
        except FetchError:
            vas.outside.seconds += COLLECT_SECONDS
            raise

    monkeypatch.setattr(Responders, "__call__", silent)
    assert show(vas, renewed()).status_code == 202
    assert 0 < vas.outside.seconds <= SECONDS
    assert len(vas.outside.responders.history) > asked


def test_a_strangers_intermediates_do_not_settle_the_predecessors_path(make: Make) -> None:
    """An issuing CA may have several certificates of one key; who asked first had one that has ended since."""
    vas = make(hold=HOUR, certificate_requests_per_minute=1000)
    brief = ALDER.issuing_until(LATER - SECOND)
    site = ALDER.server("www.example.test", days=90, server_key=OLD_KEY, parent=brief)
    for certificate in (brief, site):
        vas.outside.responders.know(ALDER, certificate)
    vas.outside.shown = {ONE: site.chain_der}
    assert vas.ask(VoucherRequest(site.der, site.chain_der[1:], (ONE,), 443)).status_code == 202
    vas.outside.now = LATER
    assert show(vas, renewed()).status_code == 200
    assert vas.released() == ["renewal"]


def test_a_predecessor_on_hold_releases_nobody(make: Make) -> None:
    vas = make(hold=HOUR)
    assert show(vas, SITE).status_code == 202
    assert show(vas, renewed()).status_code == 202


def test_a_predecessor_that_is_revoked_releases_nobody(seen: Vas) -> None:
    seen.outside.responders.status[SITE.certificate.serial_number] = "revoked"
    assert show(seen, renewed()).status_code == 202


def test_a_predecessor_that_has_expired_is_forgotten(make: Make) -> None:
    vas = make(hold=HOUR)
    old = ALDER.server("www.example.test", days=1.5 / 24)
    assert show(vas, old).status_code == 202
    vas.outside.now = LATER
    assert show(vas, renewed(of=old.key)).status_code == 202


def test_names_are_compared_in_lower_case(seen: Vas) -> None:
    assert show(seen, renewed(ALDER, "WWW.example.test")).status_code == 200


def succession(old: Issued, new: Issued, at: datetime, by: Issued | None = None) -> bytes:
    signer = by or old
    return Succession(certificate_hash(old.der), certificate_hash(new.der), at).sign(signer.key, signer.certificate)


def test_a_succession_stands_for_the_same_key(seen: Vas) -> None:
    new = renewed(of=key("another"))
    assert show(seen, new, succession(SITE, new, LATER - 23 * HOUR)).status_code == 200
    assert seen.released() == ["succession"]


STRANGER = CEDAR.server("www.example.test", days=92)
NEW = renewed(of=key("another"))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (b"0", "ContentInfo: no valid DER of such a structure"),
        (succession(SITE, NEW, LATER - 25 * HOUR), "time: 2026-03-01T13:00:00Z is not of the last 1 day, 0:00:00"),
        (succession(SITE, NEW, LATER + HOUR), "time: 2026-03-02T15:00:00Z is not of the last 1 day, 0:00:00"),
        (succession(SITE, STRANGER, LATER), "newCertificateHash: is that of another certificate"),
        (
            succession(SITE, NEW, LATER, by=STRANGER),
            "oldCertificateHash: is not that of the certificate in the statement",
        ),
        (succession(STRANGER, NEW, LATER), "oldCertificateHash: the log does not know that certificate"),
    ],
)
def test_a_succession_that_does_not_count_says_why(seen: Vas, statement: bytes, why: str) -> None:
    response = show(seen, NEW, statement)
    assert response.status_code == 202
    assert response.json["detail"] == f"succession: {why}"
    assert seen.released() == []


def test_a_succession_signed_with_another_key(seen: Vas) -> None:
    forged = Succession(certificate_hash(SITE.der), certificate_hash(NEW.der), LATER).sign(
        key("another"), SITE.certificate
    )
    assert show(seen, NEW, forged).json["detail"].startswith("succession: ")
    assert seen.released() == []


HALF = HOUR / 2
FOUR = (ALDER, BIRCH, CEDAR, DOGWOOD)


@pytest.fixture
def expediting(make: Make, publish: Publish) -> Vas:
    """Make a VAS that listens to cedar and dogwood, where alder's certificate is on hold."""
    vas = make(hold=HOUR, expedite=True)
    publish(directory(*FOUR, sequence=2))
    for ca in (CEDAR, DOGWOOD):
        vas.outside.responders.know(ca, ca.voucher)
    assert show(vas, SITE).status_code == 202
    return vas


def state(vas: Vas, by: Online, signer: Issued | None = None, **changes: Any) -> Any:
    words = {"certificate_hash": certificate_hash(SITE.der), "issued_at": NOW, "expires_at": NOW + HALF, "reason": "x"}
    signer = signer or by.voucher
    der = ExpediteStatement(**words | changes).sign(signer.key, signer.certificate)
    return vas.http.post("/v1/expedites", data=der, content_type=EXPEDITE_TYPE)


def test_two_owners_end_a_hold(expediting: Vas) -> None:
    answer = state(expediting, CEDAR)
    assert (answer.status_code, answer.json["until"]) == (200, f"{NOW + HALF:%Y-%m-%dT%H:%M:%SZ}")
    assert expediting.ask().status_code == 202
    assert state(expediting, DOGWOOD).status_code == 200
    assert expediting.ask().status_code == 200
    assert expediting.released() == ["expedite"]


@pytest.mark.parametrize("other", [ALDER, BIRCH, CEDAR], ids=["the issuer", "this VA", "the same twice"])
def test_one_other_owner_is_not_enough(expediting: Vas, other: Online) -> None:
    expediting.outside.responders.know(other, other.voucher)
    for by in (CEDAR, other):
        assert state(expediting, by).status_code == 200
    assert expediting.ask().status_code == 202


def test_two_entries_of_one_owner_count_once(make: Make, publish: Publish) -> None:
    entries = (authority_entry(CEDAR, "forest"), authority_entry(DOGWOOD, "forest"))
    vas = make(hold=HOUR, expedite=True)
    publish(directory(ALDER, BIRCH, *entries, sequence=2))
    for ca in (CEDAR, DOGWOOD):
        vas.outside.responders.know(ca, ca.voucher)
    for by in (CEDAR, DOGWOOD):
        assert state(vas, by).status_code == 200
    assert vas.ask().status_code == 202


def test_a_statement_ends(expediting: Vas) -> None:
    for by in (CEDAR, DOGWOOD):
        assert state(expediting, by).status_code == 200
    expediting.outside.now = NOW + HALF
    assert expediting.ask().status_code == 202


def test_a_va_that_is_revoked_meanwhile_speaks_no_more(expediting: Vas) -> None:
    for by in (CEDAR, DOGWOOD):
        assert state(expediting, by).status_code == 200
    expediting.outside.responders.status[CEDAR.voucher.certificate.serial_number] = "revoked"
    assert expediting.ask().status_code == 202


@pytest.mark.parametrize("by", ["the directory", "the operator"])
def test_a_va_that_is_distrusted_does_not_speak(expediting: Vas, publish: Publish, by: str) -> None:
    for each in (CEDAR, DOGWOOD):
        assert state(expediting, each).status_code == 200
    root = CEDAR.root.certificate
    if by == "the directory":
        publish(directory(*FOUR, sequence=3, distrust=[root]))
    else:
        DistrustLog(expediting.server.engine).add(RefusedKey(spki_hash(root), None, NOW, "operator", "stolen"))
    assert expediting.ask().status_code == 202
    answer = state(expediting, CEDAR, reason="once more")
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (403, "untrusted")


@pytest.mark.parametrize(
    ("by", "signer", "changes", "code"),
    [
        (CEDAR, STRANGER, {}, "untrusted"),
        (CEDAR, Online("elm").voucher, {}, "untrusted"),
        (CEDAR, None, {"issued_at": NOW + HOUR, "expires_at": NOW + 2 * HOUR}, "untrusted"),
        (CEDAR, None, {"issued_at": NOW - HOUR, "expires_at": NOW}, "untrusted"),
    ],
    ids=["no VA", "in no directory", "not yet", "no longer"],
)
def test_a_statement_that_is_refused(
    expediting: Vas, by: Online, signer: Issued | None, changes: dict[str, Any], code: str
) -> None:
    answer = state(expediting, by, signer, **changes)
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (403, code)


def test_a_statement_of_a_revoked_va(expediting: Vas) -> None:
    expediting.outside.responders.status[CEDAR.voucher.certificate.serial_number] = "revoked"
    assert state(expediting, CEDAR).json["type"].endswith("/revoked")


def test_no_octets_of_a_statement(expediting: Vas) -> None:
    answer = expediting.http.post("/v1/expedites", data=b"0", content_type=EXPEDITE_TYPE)
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (400, "malformed")
    answer = expediting.http.post("/v1/expedites", data=b"0", content_type="text/plain")
    assert answer.status_code == 415


def test_whoever_does_not_listen_has_no_such_path(make: Make) -> None:
    assert state(make(hold=HOUR), CEDAR).status_code == 404
