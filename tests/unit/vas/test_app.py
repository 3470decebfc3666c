"""The HTTP interface with everything behind it, only other hosts are played: what each request is answered (R7)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography import x509
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from mecai.errors import HostError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, spki_der
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.service.deadline import Deadline
from mecai.vas.assembly import Assembly, assemble
from mecai.vas.config import Config
from mecai.vas.http.app import REQUEST_TYPE, VOUCHER_TYPE, make_app
from mecai.vas.problem import LONGEST_DETAIL, MEDIA_TYPE, Code, Problem
from mecai.vas.storage.database import migrate
from mecai.vas.storage.tables import CERTIFICATES, METADATA, VOUCHERS
from tests.directories import directory
from tests.openapi import conforms
from tests.pki import DAY, HOUR, NOW, Issued
from tests.responders import Online, Responders
from tests.unit.vas.conftest import Publish

ALDER, BIRCH, CEDAR = Online("alder"), Online("birch"), Online("cedar")
SITE = ALDER.server("www.example.test")
OTHER = CEDAR.server("www.example.test")
ONE, TWO = address_octets("198.18.0.1"), address_octets("2001:db8::1")
REQUEST = VoucherRequest(SITE.der, SITE.chain_der[1:], (ONE, TWO), 443)
MOZ = directory(ALDER, BIRCH)


@dataclass
class Outside:
    """The other hosts and the clock: what each address shows, what responders say, what time it is."""

    now: datetime = NOW
    seconds: float = 0.0
    responders: Responders = field(default_factory=lambda: Responders(ALDER, BIRCH, CEDAR))
    shown: dict[bytes, tuple[bytes, ...] | Problem] = field(default_factory=dict)
    probes: list[tuple[bytes, int, str | None]] = field(default_factory=list)

    def probe(
        self, address: bytes, port: int, server_name: str | None, wanted: x509.Certificate, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """Show what the address shows."""
        assert wanted.subject
        assert 0 < deadline.left() <= 30
        self.probes.append((address, port, server_name))
        shown = self.shown.get(address, SITE.chain_der)
        if isinstance(shown, Problem):
            raise shown
        return shown


@dataclass
class Vas:
    """The VA of birch, with a client of its HTTP interface."""

    server: Assembly
    http: FlaskClient
    outside: Outside

    def ask(
        self,
        asked: VoucherRequest | bytes = REQUEST,
        requester: str = "192.0.2.7",
        *,
        content_type: str = REQUEST_TYPE,
    ) -> TestResponse:
        """Send a request by way of a proxy."""
        body = asked if isinstance(asked, bytes) else asked.encode()
        headers = {"X-Forwarded-For": requester}
        return self.http.post("/v1/vouchers", data=body, content_type=content_type, headers=headers)

    def refused(self, asked: VoucherRequest | bytes = REQUEST) -> tuple[int, str, dict[str, Any]]:
        """Send a request that is refused; return status, code and the whole problem document."""
        response = self.ask(asked)
        assert response.content_type == MEDIA_TYPE
        document = json.loads(response.data)
        assert document["status"] == response.status_code
        return response.status_code, document["type"].rpartition("/")[2], document

    def rows(self) -> tuple[int, int]:
        """Count both logs: certificates, vouchers."""
        with self.server.engine.connect() as connection:
            counts = [
                connection.execute(select(func.count()).select_from(t)).scalar_one() for t in (CERTIFICATES, VOUCHERS)
            ]
        return counts[0], counts[1]


Make = Callable[..., Vas]


@pytest.fixture
def make(tmp_path: Path, publish: Publish) -> Iterator[Make]:
    """Make a VAS whose configuration differs from the usual one in the keys given."""
    made: list[Vas] = []

    def build(**changes: Any) -> Vas:
        key, certificate, root = (tmp_path / name for name in ("key.pem", "certificate.pem", "root.pem"))
        key.touch(0o600)
        key.write_bytes(BIRCH.voucher.key_pem)
        certificate.write_bytes(BIRCH.voucher.pem)
        root.write_bytes(BIRCH.root.pem)
        networks = (ip_network("198.18.0.0/15"), ip_network("2001:db8::/32"))
        database = f"sqlite:///{tmp_path}/vas.sqlite"
        usual = Config(key, certificate, root, database, (publish(MOZ),), hold_hours=0, allowed_networks=networks)
        outside = Outside()
        outside.responders.know(ALDER, SITE)
        server = assemble(
            replace(usual, **changes),
            lambda: outside.now,
            probe=outside.probe,
            fetch=outside.responders,
            monotonic=lambda: outside.seconds,
        )
        migrate(server.engine)
        app = make_app(server)
        app.after_request(conforms)
        made.append(Vas(server, app.test_client(), outside))
        return made[-1]

    yield build
    for vas in made:
        vas.server.engine.dispose()


@pytest.fixture
def vas(make: Make) -> Vas:
    """Make the usual VAS."""
    return make()


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
        ({"lifetime_hours": 24}, 90, NOW + 24 * HOUR),
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


def test_each_voucher_is_backed_by_a_probe_of_its_own(vas: Vas) -> None:
    serials = {parse_voucher(vas.ask().data).info.serial_number for _ in range(2)}
    assert len(serials) == 2
    assert len(vas.outside.probes) == 4


def test_an_address_that_disagrees_drops_out(vas: Vas) -> None:
    vas.outside.shown[ONE] = OTHER.chain_der
    assert parse_voucher(vas.ask().data).info.addresses == (TWO,)


def test_the_hold(make: Make) -> None:
    vas = make(hold_hours=72)
    response = vas.ask()
    assert (response.status_code, response.headers["Retry-After"]) == (202, str(72 * 3600))
    assert response.json == {"holdEnd": "2026-03-05T12:00:00Z", "reason": "first-seen"}
    assert vas.rows() == (1, 0)
    vas.outside.now = NOW + 40 * HOUR
    assert (vas.ask().status_code, vas.rows()) == (202, (1, 0))


def test_after_the_hold(make: Make) -> None:
    vas = make(hold_hours=1)
    assert vas.ask().status_code == 202
    vas.outside.now = NOW + HOUR
    assert (vas.ask().status_code, vas.rows()) == (200, (1, 1))


ENCODED = REQUEST.encode()


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


def test_a_server_name_that_is_not_the_certificates(vas: Vas) -> None:
    status, code, document = vas.refused(replace(REQUEST, server_name="other.test"))
    assert (status, code, document["detail"][:11]) == (400, "malformed", "serverName:")
    assert (vas.rows(), vas.outside.probes) == ((0, 0), [])


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
    assert (response.status_code, response.content_type) == (415, MEDIA_TYPE)
    assert vas.rows() == (0, 0)


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/v1/vouchers", 405), ("get", "/v2", 404)])
def test_other_errors_are_problem_documents_too(vas: Vas, method: str, path: str, status: int) -> None:
    response = vas.http.open(path, method=method)
    assert (response.status_code, response.content_type) == (status, MEDIA_TYPE)
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
        (Problem(Code.UNREACHABLE, "down"), 502, "unreachable"),
        (Problem(Code.HANDSHAKE_FAILED, "broken"), 502, "handshake-failed"),
    ],
)
def test_nothing_is_logged_unless_a_probe_agreed(vas: Vas, shown: Any, status: int, code: str) -> None:
    vas.outside.shown = {ONE: shown, TWO: shown}
    assert vas.refused()[:2] == (status, code)
    assert vas.rows() == (0, 0)


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


def test_the_quota(make: Make) -> None:
    vas = make(requests_per_minute=2)
    assert [vas.ask().status_code for _ in range(3)] == [200, 200, 429]
    vas.outside.seconds = 60
    assert vas.ask().status_code == 200


def test_a_clock_that_was_set_ahead_and_back_keeps_nobody_out(make: Make) -> None:
    vas = make(requests_per_minute=1)
    vas.outside.now = NOW + HOUR
    assert vas.ask().status_code == 200
    vas.outside.now = NOW
    assert vas.ask().status_code == 429
    vas.outside.seconds = 60
    assert vas.ask().status_code == 202  # let in; on hold, for it was first seen later than now


def test_malformed_requests_use_up_the_quota(make: Make) -> None:
    vas = make(requests_per_minute=1)
    assert [vas.refused(b"")[0] for _ in range(2)] == [400, 429]


def test_too_many_at_work(make: Make) -> None:
    vas = make(parallel_requests=1)
    assert _meanwhile(vas, "192.0.2.99") == (503, "5")


def test_nobody_takes_all_slots(make: Make) -> None:
    vas = make(parallel_requests=3)
    assert _meanwhile(vas, "192.0.2.1") == (429, "5")
    assert _meanwhile(vas, "192.0.2.99") == (200, None)


def _meanwhile(vas: Vas, requester: str) -> tuple[int, str | None]:
    """Return what a requester is answered while a request of 192.0.2.1 is at work."""
    nested: list[TestResponse] = []

    def probe(address: bytes, *_: object) -> tuple[bytes, ...]:
        if address == ONE:
            nested.append(vas.ask(replace(REQUEST, addresses=(TWO,)), requester))
        return SITE.chain_der

    object.__setattr__(vas.server.reception._notary, "probe", probe)
    assert vas.ask(replace(REQUEST, addresses=(ONE,)), "192.0.2.1").status_code == 200
    return nested[0].status_code, nested[0].headers.get("Retry-After")


def test_a_database_that_fails(vas: Vas) -> None:
    METADATA.drop_all(vas.server.engine)
    assert vas.refused()[:2] == (503, "overloaded")


def test_a_revoked_va_vouches_no_more(vas: Vas) -> None:
    vas.outside.responders.status[BIRCH.voucher.certificate.serial_number] = "revoked"
    assert vas.refused()[:2] == (503, "overloaded")
    assert (vas.rows(), vas.outside.probes) == ((0, 0), [])


def test_the_authority_describes_itself(vas: Vas) -> None:
    assert vas.http.get("/v1/authority").json == {
        "authority": authority_id(spki_der(BIRCH.root.certificate)).hex(),
        "certificate": BIRCH.voucher.pem.decode(),
        "contexts": ["MOZ"],
        "lifetime": 24 * 3600,
        "hold": 0,
    }


def test_health_and_readiness(vas: Vas) -> None:
    assert vas.http.get("/healthz").json == {"status": "alive"}
    assert vas.http.get("/readyz").json == {"status": "ready"}


@pytest.mark.parametrize(
    ("later", "failed", "detail"),
    [
        (40 * DAY, ["directory", "own-status"], "no trust context has a valid directory"),
        (400 * DAY, ["signer", "directory", "own-status"], "the VA's certificate is of no use"),
    ],
)
def test_not_ready(
    vas: Vas, later: timedelta, failed: list[str], detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    vas.outside.now = NOW + later
    response = vas.http.get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "not ready", "failed": failed})
    assert detail in caplog.text
    assert vas.http.get("/healthz").status_code == 200


def test_not_ready_without_own_status(vas: Vas) -> None:
    vas.outside.responders.status[BIRCH.voucher.certificate.serial_number] = "down"
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["own-status"]}


def test_not_ready_without_schema(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    METADATA.drop_all(vas.server.engine)
    with vas.server.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["database", "directory"]}
    assert "run `mecai vas migrate`" in caplog.text


def test_readiness_waits_for_nobody_who_writes(vas: Vas) -> None:
    vas.server.directories.in_force(NOW)
    with vas.server.engine.begin():
        assert vas.http.get("/readyz").json == {"status": "ready"}


def test_files_that_are_missing_are_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"none\.pem: private key cannot be read"):
        make(key=tmp_path / "none.pem")
