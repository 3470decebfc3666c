"""The OCSP responder over HTTP, in process: what it says to whom, and what caches may keep."""

import base64
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, tuples
from werkzeug.test import TestResponse

from mecai.ca.authority.operations import CertificateAuthority
from mecai.ca.config import AuthorityConfig, ResponderConfig
from mecai.ca.ocsp.app import LARGEST_REQUEST, create_app, make_app
from mecai.ca.storage.records import CertificateProfile
from mecai.errors import HostError, VerificationError
from mecai.protocol.pki.ocsp import build_ocsp_request, judge_ocsp
from mecai.service import web
from tests.pki import HOUR, NOW, Hierarchy, key

TYPE = "application/ocsp-request"
SHA1 = hashes.SHA1()  # noqa: S303 - names a certificate and signs nothing
MINUTE = timedelta(minutes=1)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: datetime = field(default=NOW + 2 * MINUTE)

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(responder_config: ResponderConfig, clock: Clock) -> FlaskClient:
    return make_app(responder_config, clock).test_client()


@pytest.fixture
def issuing(authority: CertificateAuthority, config: AuthorityConfig) -> x509.Certificate:
    del authority
    return x509.load_pem_x509_certificate((config.public / "issuing.pem").read_bytes())


@pytest.fixture
def leaf(authority: CertificateAuthority) -> x509.Certificate:
    return authority.issue(CertificateProfile.SERVER, key("www").public_key(), ["www.example.test"], None, NOW)[0]


def with_nonce(leaf: x509.Certificate, issuing: x509.Certificate, nonce: bytes, *, critical: bool = False) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuing, SHA1)
    return builder.add_extension(x509.OCSPNonce(nonce), critical).build().public_bytes(Encoding.DER)


def post(client: FlaskClient, request: bytes) -> ocsp.OCSPResponse:
    answer = client.post("/", data=request, content_type=TYPE)
    assert (answer.status_code, answer.content_type) == (200, "application/ocsp-response")
    assert answer.headers["Cache-Control"] == "no-store"
    return ocsp.load_der_ocsp_response(answer.data)


def get(client: FlaskClient, request: bytes, **headers: str) -> TestResponse:
    return client.get("/" + quote(base64.b64encode(request).decode(), safe=""), headers=headers)


def test_the_issuers_own_answer_is_small_and_good(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    answer = client.post("/", data=build_ocsp_request(leaf, issuing), content_type=TYPE).data
    judge_ocsp(answer, leaf, issuing, NOW + MINUTE)
    assert ocsp.load_der_ocsp_response(answer).certificates == []
    assert len(answer) < 300


def test_a_nonce_is_echoed_and_a_delegate_signs(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    for size in (1, 16, 32):
        parsed = post(client, with_nonce(leaf, issuing, bytes(size), critical=True))
        assert parsed.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == bytes(size)
        judge_ocsp(parsed.public_bytes(Encoding.DER), leaf, issuing, NOW + 5 * MINUTE)
        (delegate,) = parsed.certificates
        assert delegate.subject.rfc4514_string() == "CN=alder issuing OCSP"


def test_a_long_nonce_is_not_echoed(client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate) -> None:
    for size in (33, 128):
        assert list(post(client, with_nonce(leaf, issuing, bytes(size))).extensions) == []


def test_a_nonce_out_of_bounds_is_malformed(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    for size in (0, 129):
        status = post(client, with_nonce(leaf, issuing, bytes(size))).response_status
        assert status is OCSPResponseStatus.MALFORMED_REQUEST


def test_sha256_names_are_understood(client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate) -> None:
    parsed = post(client, build_ocsp_request(leaf, issuing, hashes.SHA256()))
    assert parsed.hash_algorithm.name == "sha256"
    judge_ocsp(parsed.public_bytes(Encoding.DER), leaf, issuing, NOW + 5 * MINUTE)


def test_other_hashes_and_other_issuers_are_unauthorized(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    birch = Hierarchy("birch")
    foreign = build_ocsp_request(birch.server("www.example.test").certificate, birch.issuing.certificate)
    for request in (foreign, build_ocsp_request(leaf, issuing, hashes.SHA384())):
        assert post(client, request).response_status is OCSPResponseStatus.UNAUTHORIZED


def test_right_name_with_another_key_is_unauthorized(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuing, SHA1).build()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(asked.issuer_name_hash, bytes(20), 1, SHA1)
    request = builder.build().public_bytes(Encoding.DER)
    assert post(client, request).response_status is OCSPResponseStatus.UNAUTHORIZED


def test_a_serial_number_that_was_never_issued_is_unknown(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuing, SHA1).build()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        asked.issuer_name_hash, asked.issuer_key_hash, leaf.serial_number + 1, SHA1
    )
    request = builder.build().public_bytes(Encoding.DER)
    assert post(client, request).certificate_status is OCSPCertStatus.UNKNOWN
    assert get(client, request).headers["Cache-Control"] == "no-store"


def test_a_certificate_of_the_root_is_not_known_to_the_issuing_ca(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuing, SHA1).build()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        asked.issuer_name_hash, asked.issuer_key_hash, issuing.serial_number, SHA1
    )
    parsed = post(client, builder.build().public_bytes(Encoding.DER))
    assert parsed.certificate_status is OCSPCertStatus.UNKNOWN


def test_a_revocation_is_told_at_once(
    client: FlaskClient,
    clock: Clock,
    authority: CertificateAuthority,
    leaf: x509.Certificate,
    issuing: x509.Certificate,
) -> None:
    request = build_ocsp_request(leaf, issuing)
    assert post(client, request).certificate_status is OCSPCertStatus.GOOD
    authority.revoke(leaf.serial_number, x509.ReasonFlags.key_compromise, clock.now)
    parsed = post(client, request)
    assert parsed.certificate_status is OCSPCertStatus.REVOKED
    assert (parsed.revocation_time_utc, parsed.this_update_utc) == (clock.now, clock.now)
    assert parsed.revocation_reason is x509.ReasonFlags.key_compromise
    assert parsed.certificates == []  # the issuer itself says it
    with pytest.raises(VerificationError, match="revoked"):
        judge_ocsp(parsed.public_bytes(Encoding.DER), leaf, issuing, clock.now)


@pytest.mark.parametrize("request_", [b"", b"\x30\x00", b"garbage", b"\x30\x84\xff\xff\xff\xff"])
def test_garbage_is_malformed(client: FlaskClient, request_: bytes) -> None:
    assert post(client, request_).response_status is OCSPResponseStatus.MALFORMED_REQUEST


def test_two_certificates_in_one_request_are_malformed(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    tree = asn1_ocsp.OCSPRequest.load(build_ocsp_request(leaf, issuing))  # type: ignore[no-untyped-call]  # library without types
    requests = tree["tbs_request"]["request_list"]
    requests.append(requests[0].copy())
    assert post(client, tree.dump(force=True)).response_status is OCSPResponseStatus.MALFORMED_REQUEST


@pytest.mark.parametrize("serial", [0, -1, 1 << 160])
def test_a_serial_number_out_of_bounds_is_malformed(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate, serial: int
) -> None:
    tree = asn1_ocsp.OCSPRequest.load(build_ocsp_request(leaf, issuing))  # type: ignore[no-untyped-call]  # library without types
    tree["tbs_request"]["request_list"][0]["req_cert"]["serial_number"] = serial
    assert post(client, tree.dump(force=True)).response_status is OCSPResponseStatus.MALFORMED_REQUEST


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(damage=tuples(integers(0, 10_000), integers(0, 255), integers(0, 40)))
def test_a_damaged_request_is_answered_nevertheless(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate, damage: tuple[int, int, int]
) -> None:
    place, octet, cut = damage
    damaged = bytearray(with_nonce(leaf, issuing, b"0123456789abcdef", critical=True))
    damaged[place % len(damaged)] = octet
    post(client, bytes(damaged[: len(damaged) - cut]))


@pytest.mark.parametrize("text", ["M", "MAA=MAA=", "healthz/", "====", "MA MA"])
def test_a_path_that_is_no_request_is_malformed(client: FlaskClient, text: str) -> None:
    answer = client.get(f"/{text}")
    assert answer.status_code == 200
    assert ocsp.load_der_ocsp_response(answer.data).response_status is OCSPResponseStatus.MALFORMED_REQUEST
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", ["!!!!", "%00", "robots.txt", "crl/other.crl", "crl/issuing.crl/", "%C3%A9"])
def test_every_other_path_is_not_found(client: FlaskClient, text: str) -> None:
    answer = client.get(f"/{text}")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("crl", ["/crl/issuing.crl", "/issuing.crl", "/a//b/root.crl"])
def test_a_crl_is_served_wherever_the_certificates_say(client: FlaskClient, config: AuthorityConfig, crl: str) -> None:
    answer = client.get(crl)
    assert (answer.status_code, answer.content_type) == (200, "application/pkix-crl")
    assert answer.data == (config.public / Path(crl).name).read_bytes()
    assert answer.headers["Cache-Control"] == "max-age=3600, public, no-transform, must-revalidate"
    assert (answer.last_modified, answer.expires) == (NOW, NOW + 7 * 24 * HOUR)
    assert client.get(crl, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert client.post(crl).status_code == 405


def test_where_no_crl_is_published_there_is_none(client: FlaskClient, config: AuthorityConfig) -> None:
    (config.public / "issuing.crl").unlink()
    assert client.get("/crl/issuing.crl").status_code == 404


@pytest.mark.parametrize("offset", [-3 * MINUTE, 7 * 24 * HOUR], ids=["ahead", "out-of-date"])
def test_a_crl_out_of_its_time_is_not_served(
    client: FlaskClient, clock: Clock, offset: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = NOW + offset
    answer = client.get("/crl/issuing.crl")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert caplog.records[0].__dict__["error"].endswith("run: mecai ca publish")


def test_what_is_no_crl_is_not_served(client: FlaskClient, config: AuthorityConfig) -> None:
    (config.public / "issuing.crl").write_bytes(b"garbage")
    assert client.get("/crl/issuing.crl").status_code == 503


def slashed(leaf: x509.Certificate, issuing: x509.Certificate) -> bytes:
    """Return a request whose base64 has two slashes in a row and a plus sign."""
    nonce = b"\xff\xff\xff\xfb\xef\xbe\xfb\xef\xbe\xff\xff\xff\xff"
    request = with_nonce(leaf, issuing, nonce)
    assert b"//" in base64.b64encode(request)
    assert b"+" in base64.b64encode(request)
    return request


def test_slashes_may_come_as_they_are_or_encoded(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    text = base64.b64encode(slashed(leaf, issuing)).decode()
    for path in (text, quote(text), quote(text, safe="")):
        answer = client.get(f"/{path}")
        assert ocsp.load_der_ocsp_response(answer.data).certificate_status is OCSPCertStatus.GOOD


def spellings(request: bytes) -> dict[str, str]:
    """Return the ways in which clients write a request into a URL."""
    text, url = (encode(request).decode() for encode in (base64.b64encode, base64.urlsafe_b64encode))
    return {
        "padding left out": quote(text.rstrip("="), safe=""),
        "base64url": url,
        "base64url without padding": url.rstrip("="),
        "a space for a plus sign": quote(text.replace("+", " "), safe=""),
        "slashes before it": f"//{quote(text, safe='')}",
    }


@pytest.mark.parametrize("spelling", spellings(b""))
def test_requests_are_read_as_clients_write_them(
    client: FlaskClient, leaf: x509.Certificate, issuing: x509.Certificate, spelling: str
) -> None:
    for size in range(8, 11):  # so that each amount of padding is there
        request = with_nonce(leaf, issuing, b"\xfb" * size)
        answer = client.get("/" + spellings(request)[spelling])
        assert ocsp.load_der_ocsp_response(answer.data).certificate_status is OCSPCertStatus.GOOD


def test_what_caches_are_told(
    client: FlaskClient, clock: Clock, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    answer = get(client, build_ocsp_request(leaf, issuing))
    assert answer.headers["Cache-Control"] == "max-age=3600, public, no-transform, must-revalidate"
    assert (answer.last_modified, answer.expires) == (NOW, NOW + 48 * HOUR)
    again = get(client, build_ocsp_request(leaf, issuing), **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    nonced = get(client, with_nonce(leaf, issuing, bytes(16)))
    assert nonced.headers["Cache-Control"] == "no-store"
    clock.now = NOW + 30 * HOUR
    late = get(client, build_ocsp_request(leaf, issuing))
    assert late.expires == clock.now + 24 * HOUR


def test_delegates_answers_stay_the_same_for_a_while(
    client: FlaskClient, clock: Clock, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    request = build_ocsp_request(leaf, issuing, hashes.SHA256())
    first = get(client, request).data
    clock.now = NOW + 4 * MINUTE
    assert get(client, request).data == first
    clock.now = NOW + 5 * MINUTE
    assert get(client, request).data != first


def test_an_old_answer_of_the_issuer_gives_way_to_a_delegates(
    client: FlaskClient, clock: Clock, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    request = build_ocsp_request(leaf, issuing)
    clock.now = NOW + 24 * HOUR
    assert post(client, request).certificates == []
    clock.now += MINUTE
    parsed = post(client, request)
    assert len(parsed.certificates) == 1
    assert parsed.next_update_utc
    assert parsed.next_update_utc - parsed.this_update_utc == timedelta(hours=24)


def test_no_answer_dated_ahead_is_given(
    client: FlaskClient,
    clock: Clock,
    authority: CertificateAuthority,
    leaf: x509.Certificate,
    issuing: x509.Certificate,
) -> None:
    """The CA's clock ran ahead when it issued, published and revoked; the responder's is right."""
    request, clock.now = build_ocsp_request(leaf, issuing), NOW - 50 * MINUTE
    judge_ocsp(post(client, request).public_bytes(Encoding.DER), leaf, issuing, clock.now)
    assert post(client, request).this_update_utc <= clock.now
    authority.revoke(leaf.serial_number, x509.ReasonFlags.superseded, NOW)
    for each in (request, with_nonce(leaf, issuing, b"8 octets")):
        parsed = post(client, each)
        assert parsed.certificate_status is OCSPCertStatus.REVOKED
        assert parsed.this_update_utc <= clock.now


def test_no_answer_outlives_its_delegate(
    client: FlaskClient, clock: Clock, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    (delegate,) = post(client, with_nonce(leaf, issuing, bytes(8))).certificates
    clock.now = delegate.not_valid_after_utc - HOUR
    assert post(client, with_nonce(leaf, issuing, bytes(8))).next_update_utc == delegate.not_valid_after_utc
    clock.now = delegate.not_valid_after_utc
    status = post(client, with_nonce(leaf, issuing, bytes(8))).response_status
    assert status is OCSPResponseStatus.TRY_LATER
    assert client.get("/readyz").status_code == 503


def test_limits_and_content_types(client: FlaskClient) -> None:
    assert client.post("/", data=bytes(LARGEST_REQUEST + 1), content_type=TYPE).status_code == 413
    refused = client.post("/", data=b"", content_type="text/plain")
    assert (refused.status_code, refused.content_type) == (415, "application/problem+json")
    assert client.put("/", data=b"").status_code == 405
    assert client.get("/").status_code == 405


def test_without_status_nothing_is_said(
    client: FlaskClient, config: AuthorityConfig, leaf: x509.Certificate, issuing: x509.Certificate
) -> None:
    shutil.rmtree(config.public / "status")
    status = post(client, build_ocsp_request(leaf, issuing)).response_status
    assert status is OCSPResponseStatus.TRY_LATER
    assert client.get("/healthz").json == {"status": "alive"}


def test_it_is_not_ready_without_status(
    client: FlaskClient, config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mecai.service.readiness.KEPT", 0.0)
    assert client.get("/readyz").json == {"status": "ready"}
    shutil.rmtree(config.public / "status")
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json) == (503, {"status": "not ready", "failed": ["database", "own-status"]})
    assert "status cannot be read" in caplog.text


def test_it_is_not_ready_with_a_revoked_delegate(
    client: FlaskClient, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    (entry,) = (entry for entry in authority.entries() if entry.profile is CertificateProfile.OCSP_ISSUING)
    authority.revoke(entry.certificate.serial_number, x509.ReasonFlags.key_compromise, NOW)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json) == (503, {"status": "not ready", "failed": ["own-status"]})
    assert "revoked" in caplog.text


def test_a_delegate_of_another_authority_is_refused(responder_config: ResponderConfig) -> None:
    birch = Hierarchy("birch")
    foreign = birch.responder(birch.issuing)
    files = responder_config.delegates[0]
    files.certificate.write_bytes(foreign.pem)
    with pytest.raises(HostError, match="does not certify the key in"):
        make_app(responder_config)
    files.key.write_bytes(foreign.key_pem)
    with pytest.raises(HostError, match="issued by no CA certificate in"):
        make_app(responder_config)


def test_a_bad_configuration_ends_the_process_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "log_json", lambda: None)
    monkeypatch.setenv("MECAI_OCSP_CONFIG", str(tmp_path / "ocsp.toml"))
    with pytest.raises(SystemExit, match="3"):
        create_app()
    (record,) = caplog.records
    assert record.__dict__["error"].startswith(f"{tmp_path}/ocsp.toml: cannot be read")
