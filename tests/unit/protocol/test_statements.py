"""Successions, expedite statements, incident notices (docs/spec H6, H8, F6): what is signed, and what is none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mecai.errors import Malformed, VerificationError
from mecai.protocol import oids
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.objects.expedite import ExpediteStatement, parse_expedite
from mecai.protocol.objects.incident import Incident, Kind, parse_incident
from mecai.protocol.objects.succession import Succession, check_succession, parse_succession
from mecai.protocol.pki.identity import hash_of
from tests.pki import HOUR, NOW, Hierarchy, key

ALDER = Hierarchy("alder")
SITE = ALDER.server("www.example.test")
SUCCESSION = Succession(bytes(32), bytes(range(32)), NOW)
INCIDENT = Incident(bytes(range(8)), Kind.CA, bytes(32), NOW, "its key was stolen: grüße")
EXPEDITE = ExpediteStatement(bytes(32), NOW, NOW + 72 * HOUR, "grüße")


def test_a_succession_says_what_was_signed() -> None:
    signed = parse_succession(SUCCESSION.sign(SITE.key, SITE.certificate))
    assert signed.statement == SUCCESSION
    assert signed.signed.certificate == SITE.certificate
    signed.signed.verify_signature()


def test_a_succession_is_of_one_certificate_and_of_one_day() -> None:
    """H6: whatever is signed, it counts for the certificate that follows, and for 24 hours; a clock may be behind."""
    new, other = (ALDER.server("www.example.test", server_key=key(name)) for name in ("new", "other"))
    follows = Succession(hash_of(SITE.certificate), hash_of(new.certificate), NOW)
    signed = parse_succession(follows.sign(SITE.key, SITE.certificate))
    for moment in (NOW - timedelta(seconds=300), NOW, NOW + 24 * HOUR):
        check_succession(signed, new.certificate, moment)
    for moment in (NOW - timedelta(seconds=301), NOW + timedelta(hours=24, seconds=1)):
        with pytest.raises(Malformed, match=r"\(H6\): time: 2026-03-02T12:00:00Z is not of the last 1 day"):
            check_succession(signed, new.certificate, moment)
    with pytest.raises(Malformed, match=r"\(H6\): newCertificateHash: is that of another certificate"):
        check_succession(signed, other.certificate, NOW)
    of_another = parse_succession(follows.sign(other.key, other.certificate))
    with pytest.raises(Malformed, match=r"\(H6\): oldCertificateHash: is not that of the certificate in the statement"):
        check_succession(of_another, new.certificate, NOW)


def test_an_expedite_statement_says_what_was_signed() -> None:
    signed = parse_expedite(EXPEDITE.sign(ALDER.voucher.key, ALDER.voucher.certificate))
    assert signed.statement == EXPEDITE
    signed.signed.verify_signature()


@pytest.mark.parametrize("kind", Kind)
def test_an_incident_notice_says_what_was_signed(kind: Kind) -> None:
    incident = replace(INCIDENT, kind=kind)
    signed = parse_incident(incident.sign(ALDER.voucher.key, ALDER.voucher.certificate))
    assert signed.statement == incident
    signed.signed.verify_signature()


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"reason": ""}, "reason: expected 1 to 1000 printable characters"),
        ({"reason": "x" * 1001}, "reason: expected 1 to 1000"),
        ({"reason": "\x1b[2J"}, "reason: expected 1 to 1000"),
        ({"subject": bytes(31)}, "subject: expected 32 octets"),
    ],
)
def test_what_no_incident_notice_says(changes: dict[str, object], detail: str) -> None:
    with pytest.raises(Malformed, match=detail):
        replace(INCIDENT, **changes)  # type: ignore[arg-type]


def test_a_notice_names_a_ca_or_a_certificate() -> None:
    one = b"\xa0\x22\x04\x20" + bytes(32)
    whole = INCIDENT.encode()
    assert whole.count(one) == 1
    for subject in (b"", one + one.replace(b"\xa0", b"\xa1")):
        content = whole[2:].replace(one, subject)
        size = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
        with pytest.raises(Malformed, match="expected one of caKey, certificate") as caught:
            parse_incident(sign_content(oids.ID_CT_INCIDENT, b"\x30" + size + content, SITE.key, SITE.certificate))
        assert caught.value.rule == "F6"


def test_another_key_does_not_verify() -> None:
    with pytest.raises(VerificationError) as caught:
        parse_succession(SUCCESSION.sign(key("another"), SITE.certificate)).signed.verify_signature()
    assert caught.value.reason == "bad-signature"


def test_one_statement_is_never_the_other() -> None:
    with pytest.raises(Malformed, match="eContentType") as caught:
        parse_expedite(SUCCESSION.sign(SITE.key, SITE.certificate))
    assert caught.value.rule == "H8"
    with pytest.raises(Malformed, match="eContentType") as caught:
        parse_incident(EXPEDITE.sign(SITE.key, SITE.certificate))
    assert caught.value.rule == "F6"
    with pytest.raises(Malformed, match="eContentType") as caught:
        parse_succession(EXPEDITE.sign(SITE.key, SITE.certificate))
    assert caught.value.rule == "H6"


@pytest.mark.parametrize("length", [1, 1000])
def test_a_reason_is_counted_in_characters(length: int) -> None:
    statement = replace(EXPEDITE, reason="ü" * length)
    assert parse_expedite(statement.sign(SITE.key, SITE.certificate)).statement == statement


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"reason": ""}, "reason: expected 1 to 1000 characters"),
        ({"reason": "x" * 1001}, "reason: expected 1 to 1000 characters"),
        ({"expires_at": NOW}, "expiresAt must be after issuedAt"),
        ({"expires_at": NOW + 72 * HOUR + timedelta(seconds=1)}, "expiresAt: .* more than the 3 days, 0:00:00 allowed"),
    ],
)
def test_what_no_expedite_statement_says(changes: dict[str, object], detail: str) -> None:
    with pytest.raises(Malformed, match=detail):
        replace(EXPEDITE, **changes)  # type: ignore[arg-type]


def test_nobody_succeeds_himself() -> None:
    with pytest.raises(Malformed, match="newCertificateHash"):
        Succession(bytes(32), bytes(32), NOW)


@pytest.mark.parametrize("content", [b"", b"\x30\x00", bytes(20)])
def test_what_is_signed_but_no_statement(content: bytes) -> None:
    for content_type, parse in (
        (oids.ID_CT_SUCCESSION, parse_succession),
        (oids.ID_CT_EXPEDITE_STATEMENT, parse_expedite),
        (oids.ID_CT_INCIDENT, parse_incident),
    ):
        with pytest.raises(Malformed, match="no valid DER"):
            parse(sign_content(content_type, content, SITE.key, SITE.certificate))


def test_no_ocsp_response_travels_in_a_statement() -> None:
    content = parse_succession(SUCCESSION.sign(SITE.key, SITE.certificate)).signed.content
    response = ALDER.ocsp(SITE)
    with pytest.raises(Malformed, match="crls: must be absent"):
        parse_succession(sign_content(oids.ID_CT_SUCCESSION, content, SITE.key, SITE.certificate, [response]))
