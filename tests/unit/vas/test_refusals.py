"""What each request that gets no voucher is answered (docs/spec R7), and that it changed nothing."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.net.dial import Unreachable
from mecai.probing.handshake import HandshakeFailed
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, certificate_hash
from mecai.service.web import PROBLEM_TYPE
from mecai.vas.assembly import assemble
from mecai.vas.refusal import LONGEST_DETAIL
from mecai.vas.storage.tables import METADATA
from tests.pki import NOW, Issued, key
from tests.unit.vas.outside import ALDER, BIRCH, ONE, OTHER, REQUEST, SITE, TWO, Make, Vas

ENCODED = REQUEST.encode()
P256 = bytes.fromhex("06082a8648ce3d030107")  # the OID of the curve


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "VoucherRequest"),
        (b"\x30\x00", "VoucherRequest"),
        (ENCODED[:-1], "VoucherRequest"),
        (ENCODED + b"\x00", "VoucherRequest"),
        (ENCODED.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1), "version: 2, expected 1"),
        (ENCODED.replace(ONE, b"\x20\x01\x0d\xb8"[:4]).replace(TWO, bytes(10) + b"\xff\xff" + ONE), "IPv4-mapped"),
        (ENCODED.replace(b"\x02\x02\x01\xbb", b"\x02\x02\x00\x7f"), "VoucherRequest"),
    ],
)
def test_a_malformed_request_changes_nothing(vas: Vas, body: bytes, detail: str) -> None:
    status, code, document = vas.refused(body)
    assert (status, code) == (400, "malformed")
    assert detail in document["detail"]
    assert (vas.rows(), vas.outside.probes, vas.outside.responders.history) == ((0, 0), [], [])


BAD_NAME = ALDER.server("www example.test")


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        (replace(REQUEST, server_name="other.test"), "serverName: 'other.test' is not"),
        (
            VoucherRequest(BAD_NAME.der, BAD_NAME.chain_der[1:], (ONE,), 443),
            "certificate: none of its DNS names is a host",
        ),
    ],
    ids=["not the certificate's", "no host name"],
)
def test_a_name_that_cannot_be_asked_for_costs_nobody_a_connection(
    vas: Vas, asked: VoucherRequest, detail: str
) -> None:
    status, code, document = vas.refused(asked)
    assert (status, code, document["detail"][: len(detail)]) == (400, "malformed", detail)
    assert (vas.rows(), vas.outside.probes, vas.outside.responders.history) == ((0, 0), [], [])


@pytest.mark.parametrize(
    "encoded",
    [
        ALDER.server("www.example.test", server_key=key("odd", ec.SECP256K1)).der,
        SITE.der.replace(P256, P256[:-1] + b"\x09"),  # a curve that the library does not know
    ],
)
def test_a_key_that_no_server_can_use(vas: Vas, encoded: bytes) -> None:
    status, code, document = vas.refused(VoucherRequest(encoded, SITE.chain_der[1:], (ONE,), 443))
    assert (status, code) == (502, "handshake-failed")
    assert document["detail"].startswith("certificate: no TLS server can use its key")
    assert (vas.outside.probes, vas.outside.responders.history) == ([], [])


def test_what_was_sent_comes_back_cut_short(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the answer nor the log grows with what a stranger sends."""
    caplog.set_level("INFO")
    fields = VoucherRequest.decode(ENCODED)
    object.__setattr__(fields, "server_name", "*" * 40_000)
    _, code, document = vas.refused(fields)
    assert code == "malformed"
    assert len(document["detail"]) <= LONGEST_DETAIL
    assert all(len(str(vars(record))) < 3000 for record in caplog.records)


def test_too_large_and_of_another_type(vas: Vas) -> None:
    assert vas.refused(bytes(64 * 1024 + 1))[:2] == (413, "too-large")
    response = vas.ask(content_type="application/octet-stream")
    assert (response.status_code, response.content_type) == (415, PROBLEM_TYPE)
    assert vas.rows() == (0, 0)


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/v1/vouchers", 405), ("get", "/v2", 404)])
def test_other_errors_are_problem_documents_too(vas: Vas, method: str, path: str, status: int) -> None:
    response = vas.http.open(path, method=method)
    assert (response.status_code, response.content_type) == (status, PROBLEM_TYPE)
    assert json.loads(response.data)["type"] == "about:blank"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (replace(REQUEST, port=22), "address-refused"),
        (replace(REQUEST, addresses=(ONE, address_octets("127.0.0.1"))), "address-refused"),
        (VoucherRequest(OTHER.der, OTHER.chain_der[1:], (ONE,), 443), "untrusted"),
        (replace(REQUEST, intermediates=()), "untrusted"),
    ],
)
def test_forbidden_before_any_contact(vas: Vas, asked: VoucherRequest, code: str) -> None:
    assert vas.refused(asked)[:2] == (403, code)
    assert (vas.rows(), vas.outside.probes, vas.outside.responders.history) == ((0, 0), [], [])


def test_a_certificate_of_the_own_house(vas: Vas) -> None:
    own = BIRCH.server("www.example.test")
    status, code, document = vas.refused(VoucherRequest(own.der, own.chain_der[1:], (ONE,), 443))
    assert (status, code) == (403, "untrusted")
    assert "own owner group" in document["detail"]


@pytest.mark.parametrize("revoked", [SITE, ALDER.issuing], ids=["end entity", "issuing CA"])
def test_revoked_is_not_probed(vas: Vas, revoked: Issued) -> None:
    vas.outside.responders.status[revoked.certificate.serial_number] = "revoked"
    assert vas.refused()[:2] == (403, "revoked")
    assert (vas.rows(), vas.outside.probes) == ((0, 0), [])


@pytest.mark.parametrize("status", ["unknown", "down"])
def test_no_status_no_voucher(vas: Vas, status: Any) -> None:
    vas.outside.responders.status[SITE.certificate.serial_number] = status
    assert vas.refused()[:2] == (502, "status-unavailable")
    assert (vas.rows(), vas.outside.probes) == ((0, 0), [])


@pytest.mark.parametrize(
    ("shown", "status", "code"),
    [
        (OTHER.chain_der, 409, "certificate-mismatch"),
        (Unreachable("down"), 502, "unreachable"),
        (HandshakeFailed("broken"), 502, "handshake-failed"),
    ],
)
def test_nothing_is_logged_unless_a_probe_agreed(vas: Vas, shown: Any, status: int, code: str) -> None:
    vas.outside.shown = {ONE: shown, TWO: shown}
    assert vas.refused()[:2] == (status, code)
    assert vas.rows() == (0, 0)


@pytest.mark.parametrize(
    ("causes", "detail"),
    [
        ((Unreachable("Connection refused"), Unreachable("No route to host")), "could not be reached by this VA"),
        (
            (HandshakeFailed("timed out"), HandshakeFailed("wrong version number")),
            "made no complete handshake of TLS 1.2 or 1.3, by ECDHE, with this VA",
        ),
    ],
)
def test_closed_filtered_silent_and_talkative_targets_read_the_same(
    vas: Vas, caplog: pytest.LogCaptureFixture, causes: tuple[Any, Any], detail: str
) -> None:
    """A VAS is no port scanner: what came of a probe is in its log, and nowhere else (docs/spec, section 10)."""
    caplog.set_level("INFO")
    answers = []
    for cause in causes:
        vas.outside.shown = {ONE: cause, TWO: cause}
        answers.append(vas.refused()[2])
        assert vars(caplog.records[-1])["cause"] == str(cause)
    assert answers[0] == answers[1]
    assert answers[0]["detail"] == f"198.18.0.1: {detail}; 2001:db8::1: {detail}"


def test_why_evidence_could_not_be_fetched_is_nobodys_business(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    vas.outside.responders.status[SITE.certificate.serial_number] = "down"
    said = "what it names cannot be fetched; names no CRL; lives longer than 7 days"
    assert vas.refused()[2]["detail"] == f"CN=www.example.test: {said}"
    assert "Connection refused" in caplog.text


def test_a_mismatch_says_what_was_seen(vas: Vas) -> None:
    vas.outside.shown = {ONE: OTHER.chain_der, TWO: OTHER.chain_der}
    seen = certificate_hash(OTHER.der).hex()
    assert vas.refused()[2]["seen"] == [
        {"address": "198.18.0.1", "certificateHash": seen},
        {"address": "2001:db8::1", "certificateHash": seen},
    ]


def test_its_own_networks_are_not_probed(make: Make) -> None:
    vas = make(refused_networks=(ip_network("198.18.0.1"), ip_network("2001:db8::1")))
    assert vas.refused()[:2] == (403, "address-refused")
    assert vas.outside.probes == []


def test_but_its_own_responder_may_stand_there(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make(refused_networks=(ip_network("198.18.0.1"),)).server.config
    fetcher = Mock()
    monkeypatch.setattr("mecai.vas.assembly.Fetcher", fetcher)
    assemble(config, lambda: NOW)
    own, others = (call.args[0] for call in fetcher.call_args_list)
    assert (own.refused, others.refused) == ((), config.refused_networks)
    assert own.allowed == others.allowed == config.allowed_networks


def test_a_database_that_fails(vas: Vas) -> None:
    METADATA.drop_all(vas.server.engine)
    assert vas.refused()[:2] == (503, "overloaded")


def test_a_revoked_va_vouches_no_more(vas: Vas) -> None:
    vas.outside.responders.status[BIRCH.voucher.certificate.serial_number] = "revoked"
    assert vas.refused()[:2] == (503, "overloaded")
    assert (vas.rows(), vas.outside.probes) == ((0, 0), [])
