"""A request becomes a voucher or is put on hold (docs/spec R5, H2, O11): what it says, and from when until when."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest
from cryptography import x509
from sqlalchemy import select

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki import certificates, direct, path, roots
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.vas.http.app import VOUCHER_TYPE
from mecai.vas.storage.tables import VOUCHERS
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW, OCSP_SIGNING, issue, key, leaf_extensions
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, MOZ, ONE, OTHER, PROBED, REQUEST, SECOND, SITE, TWO, Make, Vas


def test_a_voucher_that_a_client_accepts(vas: Vas) -> None:
    response = vas.ask()
    assert (response.status_code, response.content_type) == (200, VOUCHER_TYPE)
    birch = authority_id(spki_der(BIRCH.root.certificate))
    for address in (ONE, TWO):
        presented, policy = Presented(SITE.chain_der, address), Policy((birch,), contexts=("MOZ",))
        info = verify_voucher(response.data, presented, MOZ, policy, NOW).voucher.info
        assert (info.addresses, info.probed_port, info.perspectives) == ((ONE, TWO), 443, 1)
        assert info.intermediates_matched
    assert vas.rows() == (1, 1)
    assert set(vas.outside.probes) == {(ONE, 443, "www.example.test"), (TWO, 443, "www.example.test")}


def test_the_voucher_is_recorded_with_its_requester(vas: Vas) -> None:
    der = vas.ask().data
    with vas.server.engine.connect() as connection:
        row = connection.execute(select(VOUCHERS)).one()
    assert (row.der, row.requester, row.certificate_hash) == (der, "192.0.2.7", certificate_hash(SITE.der))


@pytest.mark.parametrize(
    ("changes", "days", "end"),
    [
        ({"lifetime_hours": 24}, 90, PROBED + 24 * HOUR),
        ({"lifetime_hours": 72}, 90, NOW + 47 * HOUR),  # the OCSP responses end
        ({"lifetime_hours": 24}, 0.5, NOW + 12 * HOUR),  # the certificate ends
    ],
)
def test_next_update_is_the_first_of_all_ends(make: Make, changes: dict[str, int], days: float, end: datetime) -> None:
    vas = make(**changes)
    site = ALDER.server("www.example.test", days=days)
    vas.outside.responders.know(ALDER, site)
    vas.outside.shown = {ONE: site.chain_der}
    response = vas.ask(VoucherRequest(site.der, site.chain_der[1:], (ONE,), 443))
    assert parse_voucher(response.data).info.next_update == end


def test_a_voucher_holds_from_before_the_first_handshake(vas: Vas) -> None:
    """What was seen in the probe may have ended before it was over, but never before it began."""
    assert parse_voucher(vas.ask().data).info.this_update == PROBED
    assert vas.outside.now > PROBED


@pytest.mark.parametrize(("fetching", "probing"), [(0 * HOUR, 47 * HOUR), (16 * HOUR, 0 * HOUR)])
def test_a_status_that_ends_during_the_work(vas: Vas, fetching: timedelta, probing: timedelta) -> None:
    """The responders' answers end 47 hours after they were asked for."""
    vas.outside.fetching, vas.outside.probing = fetching, probing
    status, code, document = vas.refused(replace(REQUEST, addresses=(ONE,)))
    assert (status, code) == (502, "status-unavailable")
    assert document["detail"] == "the status of a certificate ran out during the work; ask again"
    assert vas.rows() == (1, 0)


def test_a_voucher_that_nobody_would_take_for_its_size(vas: Vas) -> None:
    """The responder's certificate, which travels in its answer, is as large as its CA likes."""
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), bytes(20_000))
    extensions = [*leaf_extensions(OCSP_SIGNING), (odd, False)]
    large = issue("large", key("large"), ALDER.issuing, extensions, span=(NOW - DAY, NOW + DAY))
    vas.outside.responders.delegates[SITE.certificate.serial_number] = large
    status, code, document = vas.refused()
    assert (status, code) == (502, "status-unavailable")
    assert re.fullmatch(r"with the evidence, voucher: 2\d{4} octets, more than the 16384 allowed", document["detail"])
    assert vas.rows() == (1, 0)


def test_each_certificate_is_parsed_once_and_each_path_validated_once(
    make: Make, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was parsed goes forward as a value. Two contexts validate a path each, for the first request alone.

    And so is the VA's own.
    """
    files = (publish(MOZ), publish(directory(ALDER, BIRCH, context="OTHER")))
    vas = make(directories=files, voucher_reuse_minutes=0)
    build, own = (Mock(wraps=roots.policy_builder) for _ in range(2))
    monkeypatch.setattr(path, "policy_builder", build)
    vas.ask()
    body = REQUEST.encode()
    certificates._parse.cache_clear()
    parse = Mock(wraps=x509.load_der_x509_certificate)
    monkeypatch.setattr(x509, "load_der_x509_certificate", parse)
    monkeypatch.setattr(direct, "policy_builder", own)
    assert vas.ask(body).status_code == 200
    assert sorted(call.args[0] for call in parse.call_args_list) == sorted(SITE.chain_der)
    assert (build.call_count, own.call_count) == (len(files), 0)


def test_each_voucher_is_backed_by_a_probe_of_its_own(make: Make) -> None:
    vas = make(voucher_reuse_minutes=0)
    serials = {parse_voucher(vas.ask().data).info.serial_number for _ in range(2)}
    assert len(serials) == 2
    assert len(vas.outside.probes) == 4


def test_an_address_that_disagrees_drops_out(vas: Vas) -> None:
    vas.outside.shown[ONE] = OTHER.chain_der
    assert parse_voucher(vas.ask().data).info.addresses == (TWO,)


def test_a_certificate_is_on_hold_from_its_first_probe(make: Make) -> None:
    vas = make(hold=3 * DAY)
    response = vas.ask(replace(REQUEST, addresses=(ONE,)))
    left = 72 * 3600 - 2  # the probe took two seconds
    assert (response.status_code, response.headers["Retry-After"]) == (202, str(left))
    assert response.json == {"holdEnd": f"{PROBED + 72 * HOUR:%Y-%m-%dT%H:%M:%SZ}", "reason": "first-seen"}
    assert vas.rows() == (1, 0)
    vas.outside.now = NOW + 40 * HOUR
    assert (vas.ask().status_code, vas.rows()) == (202, (1, 0))


@pytest.mark.parametrize(("left", "status"), [(SECOND, 202), (0 * SECOND, 200)])
def test_a_hold_ends_to_the_second(make: Make, left: timedelta, status: int) -> None:
    vas = make(hold=HOUR)
    assert vas.ask().status_code == 202
    vas.outside.fetching = vas.outside.probing = 0 * SECOND
    vas.outside.now = PROBED + HOUR - left
    response = vas.ask()
    assert (response.status_code, response.headers.get("Retry-After")) == (status, "1" if left else None)
    assert vas.rows() == (1, 0 if left else 1)


def test_a_hold_may_end_while_the_server_is_probed(make: Make) -> None:
    vas = make(hold=HOUR)
    assert vas.ask().status_code == 202
    vas.outside.fetching = 0 * SECOND
    vas.outside.now = PROBED + HOUR - 2 * SECOND
    assert vas.ask(replace(REQUEST, addresses=(ONE,))).status_code == 200
