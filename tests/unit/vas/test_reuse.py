"""Young vouchers answer whoever asks for the same (docs/spec R6), on every node, and outlive nothing learned since."""

from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

import pytest
from sqlalchemy import select

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, certificate_hash, spki_hash
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import ComplaintLog, Objection
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from mecai.vas.storage.tables import CERTIFICATES, REQUESTS
from tests.directories import directory
from tests.pki import DAY, NOW, Issued, issue, key
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, MOZ, ONE, OTHER, PROBED, REQUEST, SITE, TWO, Make, Vas

NEXT = ALDER.server("www.example.test", days=91)
MINUTE = timedelta(minutes=1)
HASH = certificate_hash(SITE.der)
MANY = {"requests_per_minute": 10**6, "parallel_requests": 100}
PROBES = {"certificate_requests_per_minute": 10**6, "address_requests_per_minute": 10**6}
ALIKE = (
    REQUEST,
    replace(REQUEST, addresses=(TWO, ONE)),
    replace(REQUEST, server_name="www.example.test"),
    replace(REQUEST, succession=b"no statement at all"),
    VoucherRequest(SITE.der, (*SITE.chain_der[1:], OTHER.chain_der[1]), (ONE, TWO), 443),
)


def serial(vas: Vas, asked: VoucherRequest = REQUEST, requester: str = "192.0.2.7") -> int:
    response = vas.ask(asked, requester)
    assert response.status_code == 200, response.data
    return parse_voucher(response.data).info.serial_number


def object_to(vas: Vas) -> None:
    ComplaintLog(vas.server.engine).keep(Objection(HASH, "www.example.test", "192.0.2.9"), vas.outside.now)


def test_a_thousand_requests_for_the_same_add_one_row_and_are_probed_once(make: Make) -> None:
    """Whoever asks, in whatever words: the order of addresses, a name, a statement, intermediates beside the path.

    It uses up nobody's limit but the requester's.
    """
    once = dict.fromkeys((*PROBES, "vouchers_per_day"), 1)
    vas = make(**MANY, **once)
    asked = islice(cycle(ALIKE), 1000)
    assert len({serial(vas, each, f"192.0.2.{number % 200}") for number, each in enumerate(asked)}) == 1
    assert vas.rows() == (1, 1)
    assert len(vas.outside.probes) == len(REQUEST.addresses)
    with vas.server.engine.connect() as connection:
        assert len(connection.execute(select(REQUESTS)).all()) == 1


def test_addresses_that_drop_out_are_probed_each_time_and_add_no_row_and_use_up_nothing(make: Make) -> None:
    vas = make(**MANY, **PROBES, vouchers_per_day=1)
    for number in range(20):
        elsewhere = address_octets(f"198.18.9.{number}")
        vas.outside.shown[elsewhere] = OTHER.chain_der
        assert serial(vas, replace(REQUEST, addresses=(ONE, elsewhere))) == serial(
            vas, replace(REQUEST, addresses=(ONE,))
        )
    assert vas.rows() == (1, 1)
    assert {address_octets(f"198.18.9.{number}") for number in range(20)} < {each for each, *_ in vas.outside.probes}


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, addresses=(ONE,)),
        replace(REQUEST, port=993),
        VoucherRequest(NEXT.der, NEXT.chain_der[1:], (ONE, TWO), 443),
    ],
    ids=["addresses", "port", "certificate"],
)
def test_what_is_not_the_same_gets_a_voucher_of_its_own(vas: Vas, other: VoucherRequest) -> None:
    vas.outside.responders.know(ALDER, NEXT)
    first = serial(vas)
    vas.outside.shown = dict.fromkeys((ONE, TWO), (other.certificate, *other.intermediates))
    assert serial(vas, other) != first
    assert vas.rows()[1] == 2


def test_nodes_share_what_is_young(make: Make) -> None:
    one, other = make(), make()
    other.outside.now = one.outside.now
    assert serial(one) == serial(other, requester="192.0.2.99")
    assert other.rows() == (1, 1)
    assert other.outside.probes == []


def test_a_node_of_another_key_uses_vouchers_of_its_own(make: Make, tmp_path: Path) -> None:
    """The former certificate may have been revoked, for a leak."""
    span = (NOW - DAY, NOW + 90 * DAY)
    renewed = issue("birch VA", key("the next"), BIRCH.root, BIRCH.voucher_extensions(), span=span)
    files = tmp_path / "next.key.pem", tmp_path / "next.pem"
    files[0].touch(0o600)
    for file, data in zip(files, (renewed.key_pem, renewed.pem), strict=True):
        file.write_bytes(data)
    one, other = make(), make(key=files[0], certificate=files[1])
    other.outside.responders.know(BIRCH, renewed)
    assert serial(one) != serial(other)
    assert serial(other) == serial(other)
    assert one.rows() == (1, 2)


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [
        ({}, 10),
        ({"voucher_reuse_minutes": 3}, 3),
        ({"voucher_reuse_minutes": 600, "lifetime_hours": 1}, 15),  # a quarter of its life
        ({"voucher_reuse_minutes": 0}, 0),
    ],
)
def test_a_voucher_is_young_from_its_probe_on(make: Make, changes: dict[str, int], minutes: int) -> None:
    vas = make(**changes)
    first = serial(vas)
    vas.outside.fetching = vas.outside.probing = 0 * MINUTE
    vas.outside.now = max(vas.outside.now, PROBED + minutes * MINUTE - timedelta(seconds=1))
    assert (serial(vas) == first) is bool(minutes)
    vas.outside.now = PROBED + minutes * MINUTE + timedelta(seconds=5)
    assert serial(vas) != first


def test_nothing_young_outlives_an_objection(vas: Vas) -> None:
    serial(vas)
    object_to(vas)
    assert vas.refused()[:2] == (403, "disputed")


@pytest.mark.parametrize(("name", "kind"), [(HASH, "certificate"), (spki_hash(ALDER.issuing.certificate), None)])
def test_nothing_young_outlives_the_operators_refusal(vas: Vas, name: bytes, kind: str | None) -> None:
    serial(vas)
    DistrustLog(vas.server.engine).add(RefusedKey(name, None, NOW, "operator", "its key was stolen", kind))
    assert vas.refused()[:2] == (403, "distrusted")


def test_nothing_young_outlives_a_publishers_distrust(vas: Vas, publish: Publish) -> None:
    serial(vas)
    publish(directory(ALDER, BIRCH, sequence=2, distrust=[ALDER.issuing.certificate]))
    assert parse_voucher(vas.ask().data).info.trust_contexts == ()


def test_another_trust_context_is_in_the_next_voucher(vas: Vas, make: Make, publish: Publish) -> None:
    serial(vas)
    more = make(directories=(publish(MOZ), publish(directory(ALDER, BIRCH, context="ALT"))))
    assert parse_voucher(more.ask().data).info.trust_contexts == ("MOZ", "ALT")


@pytest.mark.parametrize(
    ("whose", "code"), [(SITE, "revoked"), (ALDER.issuing, "revoked"), (BIRCH.voucher, "overloaded")]
)
def test_nothing_young_outlives_a_revocation(make: Make, whose: Issued, code: str) -> None:
    """It is learned by the node that asks; the other one goes on by what it knows, as with a new voucher."""
    one, other = make(), make()
    serial(one)
    other.outside.responders.status[whose.certificate.serial_number] = "revoked"
    assert other.refused()[1] == code


def test_an_objection_while_the_server_is_probed_stops_the_voucher(vas: Vas) -> None:
    """The request was noted a moment ago, so that nothing else is asked of the log before the voucher is recorded."""
    CertificateLog(vas.server.engine).sight(REQUEST, "192.0.2.7", vas.outside.now)
    vas.outside.meanwhile = lambda address: object_to(vas) if address == ONE else None
    assert vas.refused()[:2] == (503, "overloaded")
    assert vas.refused()[:2] == (403, "disputed")
    assert vas.rows() == (1, 0)


def test_each_requester_is_noted_once_in_five_minutes(make: Make) -> None:
    vas, noted = make(voucher_reuse_minutes=0), []
    for minute, requester in ((0, "192.0.2.7"), (1, "192.0.2.8"), (4, "192.0.2.7"), (6, "192.0.2.7")):
        vas.outside.now = NOW + minute * MINUTE
        serial(vas, requester=requester)
        with vas.server.engine.connect() as connection:
            rows = connection.execute(select(REQUESTS.c.requester, REQUESTS.c.last).order_by(REQUESTS.c.first))
            noted.append({row.requester[-1]: (row.last - NOW) // MINUTE for row in rows})
    assert noted == [{"7": 0}, {"7": 0, "8": 1}, {"7": 0, "8": 1}, {"7": 6, "8": 1}]


def test_of_two_nodes_that_probe_at_the_same_moment_one_records_and_both_answer(make: Make) -> None:
    one, other = make(), make()
    asked, answers = replace(REQUEST, addresses=(ONE,)), []
    one.outside.meanwhile = lambda _: answers.append(serial(other, asked))
    assert serial(one, asked) == answers[0]
    assert one.rows() == (1, 1)
    assert len(one.outside.probes) == len(other.outside.probes) == 1


def test_a_voucher_of_a_clock_that_was_ahead_is_not_used_again(vas: Vas) -> None:
    vas.outside.now = NOW + 60 * MINUTE
    first = serial(vas)
    vas.outside.now = NOW + 50 * MINUTE
    with vas.server.engine.begin() as connection:  # it was seen long ago
        connection.execute(CERTIFICATES.update().values(first_seen=NOW))
    assert serial(vas) != first


def test_the_log_says_that_a_voucher_is_not_new(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mecai.vas")
    for requester in ("192.0.2.7", "192.0.2.8"):
        serial(vas, requester=requester)
    said = [each for each in caplog.records if each.getMessage().startswith("vouched")]
    assert [each.getMessage() for each in said] == ["vouched", "vouched again"]
    assert [vars(each)["requester"] for each in said] == ["192.0.2.7", "192.0.2.8"]
    assert vars(said[0])["serialNumber"] == vars(said[1])["serialNumber"]
