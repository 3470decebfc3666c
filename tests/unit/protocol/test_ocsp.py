"""OCSP: rules E2, E3 and E6 (V11) from both sides."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import VerificationError
from mecai.protocol.pki.ocsp import OcspStatus, build_ocsp_request, judge_ocsp
from tests.pki import DAY, HOUR, NOW, Hierarchy, rsa_key
from tests.scene import HOST, refuses
from tests.unit.protocol.strategies import changed

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server(HOST)
SECOND = timedelta(seconds=1)
GOOD = ALDER.ocsp(SITE)


def judge(response: bytes, *, now: datetime = NOW, **limits: Any) -> OcspStatus:
    return judge_ocsp(response, SITE.certificate, ALDER.issuing.certificate, now, **limits)


@pytest.mark.parametrize(
    "response",
    [
        GOOD,
        ALDER.ocsp(SITE, delegate=True),
        ALDER.ocsp(SITE, algorithm=hashes.SHA256()),
        ALDER.ocsp(SITE, algorithm=hashes.SHA256(), delegate=True),
    ],
    ids=["issuer", "delegate", "SHA-256 CertID", "SHA-256 CertID, delegate"],
)
def test_good(response: bytes) -> None:
    assert judge(response) == OcspStatus(NOW - HOUR, NOW + 47 * HOUR)


@pytest.mark.parametrize("delegate", [False, True])
def test_revoked(*, delegate: bool) -> None:
    with refuses("revoked", "V11"):
        judge(ALDER.ocsp(SITE, "revoked", delegate=delegate))


def test_revoked_does_not_grow_stale() -> None:
    with refuses("revoked", "V11"):
        judge(ALDER.ocsp(SITE, "revoked"), now=NOW + 30 * DAY)


def test_revoked_counts_only_when_signed_rightly() -> None:
    with refuses("status-missing", "V11"):
        judge(ALDER.ocsp(SITE, "revoked", responder=BIRCH.issuing))


def error_response(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "response",
    [
        ALDER.ocsp(SITE, "unknown"),
        ALDER.ocsp(ALDER.issuing),
        ALDER.ocsp(ALDER.server("other.test")),
        ALDER.ocsp(SITE, algorithm=hashes.SHA384()),
        ALDER.ocsp(SITE, responder=BIRCH.issuing),
        ALDER.ocsp(SITE, responder=BIRCH.responder(BIRCH.issuing)),
        ALDER.ocsp(SITE, responder=ALDER.responder(ALDER.root)),
        ALDER.ocsp(SITE, responder=SITE),
        error_response(ocsp.OCSPResponseStatus.TRY_LATER),
        b"",
        b"0",
        GOOD + b"\0",
        GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
        bytes(64 * 1024 + 1),
    ],
    ids=[
        "unknown",
        "another certificate",
        "another server",
        "SHA-384 CertID",
        "another issuer",
        "another issuer's delegate",
        "the root's delegate",
        "a server as responder",
        "try later",
        "empty",
        "no DER",
        "trailing octet",
        "changed signature",
        "too large",
    ],
)
def test_missing(response: bytes) -> None:
    with refuses("status-missing", "V11"):
        judge(response)


def by_name(*enclosed: x509.Certificate) -> bytes:
    """Return a response without nextUpdate by alder's delegate, who is named by his subject."""
    delegate = ALDER.responder(ALDER.issuing)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=SITE.certificate,
        issuer=ALDER.issuing.certificate,
        algorithm=hashes.SHA256(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=NOW,
        next_update=None,
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, delegate.certificate)
    builder = builder.certificates(enclosed) if enclosed else builder
    return builder.sign(delegate.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_delegate_whose_certificate_is_not_sent_is_unknown() -> None:
    for enclosed in ((), (SITE.certificate,)):
        with refuses("status-missing", "V11"):
            judge(by_name(*enclosed))
    assert judge(by_name(SITE.certificate, ALDER.responder(ALDER.issuing).certificate)) == OcspStatus(NOW, None)


def test_a_name_that_is_none() -> None:
    """The library fails only when such a name, with a BIT STRING in it, is asked for."""
    response = by_name(ALDER.responder(ALDER.issuing).certificate)
    text = b"\x0c\x1bOCSP of CN=alder issuing CA"
    assert response.count(text) == 2  # responderID, subject
    for broken in (
        response.replace(text, b"\x03\x1b\0" + text[3:], 1),
        response.replace(text, b"\x03\x1b\0" + text[3:]),
    ):
        with refuses("status-missing", "V11"):
            judge(broken)


def test_a_delegate_that_has_expired_meanwhile() -> None:
    response = ALDER.ocsp(SITE, responder=ALDER.responder(ALDER.issuing, days=1))
    judge(response)
    with refuses("status-missing", "V11"):
        judge(response, now=NOW + DAY + SECOND)


@pytest.mark.parametrize(
    ("span", "now"),
    [
        ((NOW + 300 * SECOND, NOW + DAY), NOW),
        ((NOW - HOUR, NOW + SECOND), NOW),
        ((NOW - 10 * DAY, NOW + DAY), NOW),
    ],
)
def test_the_edge_of_freshness(span: tuple[datetime, datetime], now: datetime) -> None:
    assert judge(ALDER.ocsp(SITE, this_update=span[0], next_update=span[1]), now=now) == OcspStatus(*span)


@pytest.mark.parametrize(
    ("span", "now"),
    [
        ((NOW + 301 * SECOND, NOW + DAY), NOW),
        ((NOW - HOUR, NOW), NOW),
        ((NOW - 10 * DAY - SECOND, NOW + DAY), NOW),
    ],
)
def test_beyond_freshness(span: tuple[datetime, datetime], now: datetime) -> None:
    with refuses("status-stale", "V11"):
        judge(ALDER.ocsp(SITE, this_update=span[0], next_update=span[1]), now=now)


def test_the_whole_span_may_be_bounded() -> None:
    response = ALDER.ocsp(SITE, this_update=NOW, next_update=NOW + 48 * HOUR)
    judge(response, max_validity=48 * HOUR)
    with refuses("status-stale", "V11"):
        judge(response, max_validity=48 * HOUR - SECOND)


def test_an_rsa_responder() -> None:
    hierarchy = Hierarchy("rsa")
    site = hierarchy.server(HOST)
    delegate = hierarchy.responder(hierarchy.issuing, responder_key=rsa_key("responder"))
    response = hierarchy.ocsp(site, responder=delegate)
    status = judge_ocsp(response, site.certificate, hierarchy.issuing.certificate, NOW)
    assert status.this_update == NOW - HOUR


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=lambda item: item.name)  # noqa: S303 names only
def test_a_request_names_the_certificate(algorithm: hashes.HashAlgorithm) -> None:
    request = ocsp.load_der_ocsp_request(build_ocsp_request(SITE.certificate, ALDER.issuing.certificate, algorithm))
    assert request.serial_number == SITE.certificate.serial_number
    assert request.hash_algorithm.name == algorithm.name


@pytest.mark.filterwarnings("ignore")  # the library warns of oddities that it lets pass
@given(changed(ALDER.ocsp(SITE, delegate=True)) | st.binary(max_size=100))
def test_any_octets_are_judged_or_refused(octets: bytes) -> None:
    """A changed octet in what is not signed may pass; no error but the project's own may escape."""
    try:
        judge(octets)
    except VerificationError as error:
        if error.rule != "V11":
            raise
