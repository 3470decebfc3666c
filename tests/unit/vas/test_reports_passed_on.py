"""Reports that another VA passes on (docs/spec F3): which are taken, and that they go no further."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mecai.protocol.pki.identity import spki_hash
from mecai.vas.reports.authorship import ReportSigner
from mecai.vas.storage import reports as bounds
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from mecai.vas.storage.reports import ReportLog
from tests.directories import directory
from tests.pki import HOUR, NOW, key
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, Make, Vas
from tests.unit.vas.reporting import (
    ALL,
    ELM,
    REPORT,
    SEEN,
    STRANGER,
    code,
    feed,
    id_of,
    kinds,
    listed,
    make_reporting,
    pass_on,
    signer,
    tell,
)


@pytest.fixture
def vas(make: Make, publish: Publish) -> Vas:
    return make_reporting(make, publish)


def test_what_a_va_passes_on_is_stored_and_goes_no_further(vas: Vas) -> None:
    for _ in range(2):
        assert pass_on(vas, signer(CEDAR).pass_on(REPORT))[0] == 200
    (filed,) = ReportLog(vas.server.engine).listed(10, NOW)
    assert (filed.report, filed.authority, filed.reporter) == (REPORT, id_of(CEDAR), None)
    assert kinds(vas) == []
    assert feed(vas)["reports"][0]["authority"] == id_of(CEDAR).hex()
    tell(vas)  # a client tells the same here: it is known
    assert kinds(vas) == []


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (lambda: signer(STRANGER).pass_on(REPORT), (403, "untrusted")),
        (lambda: signer(ALDER).pass_on(REPORT), (403, "untrusted")),  # listed without a report key
        (lambda: signer(CEDAR, "another key").pass_on(REPORT), (403, "untrusted")),
        (lambda: ReportSigner(key("elm report key"), id_of(CEDAR)).pass_on(REPORT), (403, "untrusted")),
        (lambda: signer(BIRCH).pass_on(REPORT), (403, "untrusted")),  # this VA's own come from nowhere else
        (lambda: signer(CEDAR).pass_on(replace(REPORT, time=NOW - timedelta(days=8, seconds=1))), (403, "untrusted")),
        (lambda: signer(CEDAR).pass_on(replace(REPORT, time=NOW + HOUR)), (403, "untrusted")),
        (lambda: REPORT.sign(id_of(CEDAR), key("x"), BIRCH.voucher.certificate), (403, "untrusted")),
        (lambda: flipped(signer(CEDAR).pass_on(REPORT)), (403, "untrusted")),
        (lambda: signer(CEDAR).pass_on(replace(REPORT, address=bytes([10, 1, 2, 3]))), (400, "malformed")),
        (lambda: b"", (400, "malformed")),
        (lambda: json.dumps(SEEN).encode(), (400, "malformed")),
    ],
    ids=[
        "no VA",
        "no key",
        "key",
        "other VA",
        "own",
        "old",
        "early",
        "certificate",
        "forged",
        "private",
        "empty",
        "json",
    ],
)
def test_what_no_va_passed_on(vas: Vas, octets: Callable[[], bytes], answer: tuple[int, str]) -> None:
    assert code(pass_on(vas, octets())) == answer
    assert feed(vas) == {"reports": []}


def flipped(octets: bytes) -> bytes:
    """Exchange a word of what was signed."""
    assert octets.count(b'"port": 443') == 1
    return octets.replace(b'"port": 443', b'"port": 444')


def test_a_va_that_is_distrusted_has_no_say(vas: Vas, publish: Publish) -> None:
    octets = signer(CEDAR).pass_on(REPORT)
    root = CEDAR.root.certificate
    publish(directory(ALDER, listed(BIRCH), listed(CEDAR), sequence=3, distrust=[root]))
    assert code(pass_on(vas, octets)) == (403, "untrusted")
    publish(replace(ALL, sequence=4))
    assert pass_on(vas, octets)[0] == 200
    DistrustLog(vas.server.engine).add(RefusedKey(spki_hash(root), None, NOW, "operator", "stolen"))
    assert code(pass_on(vas, octets)) == (403, "untrusted")


def test_one_va_floods_alone(vas: Vas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "PER_DAY", 2)
    answers = [pass_on(vas, signer(CEDAR).pass_on(replace(REPORT, address=bytes([1, 1, 1, n]))))[0] for n in range(3)]
    assert answers == [200, 200, 429]
    assert pass_on(vas, signer(ELM).pass_on(REPORT))[0] == 200
    assert tell(vas, address="198.18.113.77")[0] == 200
