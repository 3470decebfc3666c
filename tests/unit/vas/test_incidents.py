"""Incident notices (docs/spec F6 to F8): whose count, that they change nothing, and what an operator makes of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.pki.identity import hash_of, sha256, spki_hash
from mecai.vas.reports.authorship import ReportSigner
from mecai.vas.storage import incidents as bounds
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from mecai.vas.storage.incidents import IncidentLog
from mecai.vrp.tell import INCIDENT_TYPE
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW, key
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, SITE, Make, Vas
from tests.unit.vas.reporting import ALL, CEDARS, ELM, STRANGER, Others, id_of, listed, outcomes, signer, worker

INCIDENT = Incident(id_of(CEDAR), Kind.CA, spki_hash(ALDER.root.certificate), NOW, "its key was stolen")


@pytest.fixture
def vas(make: Make, publish: Publish) -> Vas:
    """Make the VA of birch, whose directory lists report keys."""
    vas = make()
    publish(ALL)
    return vas


def send(vas: Vas, octets: bytes, content_type: str = INCIDENT_TYPE) -> tuple[int, Any]:
    answer = vas.http.post("/v1/incidents", data=octets, content_type=content_type)
    return answer.status_code, answer.json


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["type"].rpartition("/")[2]


def test_a_notice_is_kept_once_and_changes_nothing(vas: Vas) -> None:
    name = sha256(INCIDENT.encode())
    for _ in range(2):
        assert send(vas, signer(CEDAR).notice(INCIDENT)) == (200, {"incident": name.hex()})
    (notice,) = IncidentLog(vas.server.engine).listed()
    assert (notice.hash, notice.incident) == (name, INCIDENT)
    assert vas.ask().status_code == 200
    assert "incident" not in outcomes(vas)  # nor does it go any further


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (lambda: signer(STRANGER).notice(replace(INCIDENT, authority=id_of(STRANGER))), (403, "untrusted")),
        (lambda: signer(ELM).notice(INCIDENT), (403, "untrusted")),
        (lambda: signer(CEDAR, "another key").notice(INCIDENT), (403, "untrusted")),
        (lambda: signer(BIRCH).notice(replace(INCIDENT, authority=id_of(BIRCH))), (403, "untrusted")),
        (lambda: INCIDENT.sign(CEDAR.voucher.key, CEDAR.voucher.certificate), (403, "untrusted")),
        (lambda: forged(signer(CEDAR).notice(INCIDENT)), (403, "untrusted")),
        (lambda: signer(CEDAR).notice(replace(INCIDENT, time=NOW - timedelta(days=8, seconds=1))), (403, "untrusted")),
        (lambda: signer(CEDAR).notice(replace(INCIDENT, time=NOW + HOUR)), (403, "untrusted")),
        (lambda: b"\x30\x00", (400, "malformed")),
        (lambda: bytes(1 << 16), (400, "malformed")),
        (lambda: bytes((1 << 16) + 1), (413, "too-large")),
    ],
    ids=["no VA", "of another", "key", "own", "VA key", "forged", "old", "early", "no notice", "large", "larger"],
)
def test_a_notice_that_does_not_count(vas: Vas, octets: Callable[[], bytes], answer: tuple[int, str]) -> None:
    assert code(send(vas, octets())) == answer
    assert IncidentLog(vas.server.engine).listed() == ()


def forged(octets: bytes) -> bytes:
    """Let a notice name another CA than was signed."""
    assert octets.count(INCIDENT.subject) == 1
    return octets.replace(INCIDENT.subject, spki_hash(CEDAR.root.certificate))


def test_a_report_is_no_notice(vas: Vas) -> None:
    assert code(send(vas, b"{}", "application/json")) == (415, "unsupported-media-type")


def test_one_va_that_floods_pushes_out_its_own(vas: Vas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "_KEPT", 3)
    send(vas, signer(ELM).notice(replace(INCIDENT, authority=id_of(ELM))))
    times = [NOW - timedelta(minutes=n) for n in range(5, 0, -1)]
    for time in times:
        send(vas, signer(CEDAR).notice(replace(INCIDENT, time=time)))
    kept = IncidentLog(vas.server.engine).listed()
    assert [each.incident.time for each in kept if each.incident.authority == id_of(CEDAR)] == times[:1:-1]
    assert id_of(ELM) in {each.incident.authority for each in kept}
    send(vas, signer(CEDAR).notice(replace(INCIDENT, time=times[0])))  # once more, what was pushed out
    assert IncidentLog(vas.server.engine).listed() == kept


def test_two_nodes_that_get_one_notice_at_once_keep_one(vas: Vas) -> None:
    at_once = 8
    barrier, octets = Barrier(at_once, timeout=60), signer(CEDAR).notice(INCIDENT)

    def node(_place: int) -> bytes:
        barrier.wait()
        return IncidentLog(vas.server.engine).keep(INCIDENT, octets, NOW, own=True)

    with ThreadPoolExecutor(at_once) as pool:
        assert set(pool.map(node, range(at_once))) == {sha256(INCIDENT.encode())}
    assert len(IncidentLog(vas.server.engine).listed()) == 1
    assert outcomes(vas) == {"incident": [None]}


def test_a_notice_of_its_own_gets_to_all_other_vas(vas: Vas, tmp_path: Path) -> None:
    own, others = replace(INCIDENT, authority=id_of(BIRCH)), Others()
    octets = signer(BIRCH).notice(own)
    IncidentLog(vas.server.engine).keep(own, octets, NOW, own=True)
    worker(vas, others, tmp_path).run()
    assert sorted(others.told) == sorted(
        (url, "v1/incidents", INCIDENT_TYPE, octets)
        for url in ("https://vas.alder.test", CEDARS, "https://vas.elm.test")
    )
    assert outcomes(vas) == {"incident": ["to 3 other VAs"], "forward": ["passed on"] * 3}


def test_a_certificate_is_refused_as_a_ca_is(vas: Vas) -> None:
    log, name = DistrustLog(vas.server.engine), hash_of(SITE.certificate)
    log.add(RefusedKey(name, None, NOW, "the VA cedar", "stolen", Kind.CERTIFICATE))
    status, reason, _ = vas.refused()
    assert (status, reason) == (403, "distrusted")
    (refused,) = log.listed()
    assert refused.kind == "certificate"
    log.remove(name)
    assert vas.ask().status_code == 200


def test_a_key_that_two_entries_list_speaks_for_each_by_its_id(vas: Vas, publish: Publish) -> None:
    """An entry with the report key of another VA lends it no voice: the id is signed."""
    thief = replace(listed(ELM), report_key=signer(CEDAR).public_key)
    publish(directory(ALDER, listed(BIRCH), thief, listed(CEDAR), sequence=3))
    assert send(vas, signer(CEDAR).notice(INCIDENT))[0] == 200
    assert [each.incident.authority for each in IncidentLog(vas.server.engine).listed()] == [id_of(CEDAR)]
    other = ReportSigner(key("elm report key"), id_of(ELM))
    assert code(send(vas, other.notice(replace(INCIDENT, authority=id_of(ELM), time=NOW - DAY)))) == (403, "untrusted")
