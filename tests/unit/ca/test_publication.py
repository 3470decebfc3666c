"""What the public directory says: status, the issuer's own answers, CRLs."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509

from mecai.ca.authority.operations import Authority
from mecai.ca.authority.profiles import Profile
from mecai.ca.config import Config
from mecai.ca.repository.publication import ANSWER_LIFE, ANSWER_RENEWAL, RETENTION
from mecai.ca.repository.status import NEVER_ISSUED, Status, StatusFile
from mecai.errors import HostError
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.ocsp import judge_ocsp
from tests.pki import DAY, HOUR, NOW, key

SUPERSEDED = x509.ReasonFlags.superseded


@pytest.fixture
def leaf(authority: Authority) -> x509.Certificate:
    return authority.issue(Profile.SERVER, key("www").public_key(), ["www.example.test"], None, NOW)[0]


def issuing(config: Config) -> x509.Certificate:
    return x509.load_pem_x509_certificate((config.public / "issuing.pem").read_bytes())


def status(config: Config, serial: int) -> Status:
    return StatusFile(config.public / "status.json").look_up(spki_hash(issuing(config)), serial)


def crl(config: Config, now: datetime) -> x509.CertificateRevocationList:
    found = x509.load_der_x509_crl((config.public / "issuing.crl").read_bytes())
    assert found.is_signature_valid(issuing(config).public_key())  # type: ignore[arg-type]  # always P-256
    assert (found.last_update_utc, found.next_update_utc) == (now, now + 7 * DAY)
    return found


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_certificate_is_good_as_soon_as_it_is_issued(config: Config, leaf: x509.Certificate) -> None:
    answer = status(config, leaf.serial_number).answer
    assert answer
    judged = judge_ocsp(answer, leaf, issuing(config), NOW, max_validity=timedelta(hours=48))
    assert judged.next_update == NOW + ANSWER_LIFE
    assert len(answer) < 300


def test_a_serial_number_nobody_issued_is_unknown(config: Config, leaf: x509.Certificate) -> None:
    assert status(config, leaf.serial_number + 1) is NEVER_ISSUED


def test_an_answer_is_signed_anew_when_it_grows_old(
    authority: Authority, config: Config, leaf: x509.Certificate
) -> None:
    first = status(config, leaf.serial_number)
    authority.publish(NOW + ANSWER_RENEWAL - HOUR)
    assert status(config, leaf.serial_number) == first
    authority.publish(NOW + ANSWER_RENEWAL)
    assert status(config, leaf.serial_number) != first


def test_a_revoked_certificate_has_no_answer_left(authority: Authority, config: Config, leaf: x509.Certificate) -> None:
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW + HOUR)
    found = status(config, leaf.serial_number)
    assert found.answer is None
    assert found.revocation
    assert (found.revocation.time, found.revocation.reason) == (NOW + HOUR, SUPERSEDED)


def test_crls_name_what_is_revoked_and_count_upwards(
    authority: Authority, config: Config, leaf: x509.Certificate
) -> None:
    before = crl(config, NOW)
    assert before.get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW + HOUR)
    after = crl(config, NOW + HOUR)
    entry = after.get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is SUPERSEDED
    assert number(after) > number(before)


def test_an_unspecified_reason_is_not_written(authority: Authority, config: Config, leaf: x509.Certificate) -> None:
    authority.revoke(leaf.serial_number, x509.ReasonFlags.unspecified, NOW)
    entry = crl(config, NOW).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry
    assert list(entry.extensions) == []


def test_what_expired_long_ago_is_forgotten(authority: Authority, config: Config, leaf: x509.Certificate) -> None:
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW)
    authority.publish(leaf.not_valid_after_utc + RETENTION - HOUR)
    assert status(config, leaf.serial_number).revocation
    authority.publish(leaf.not_valid_after_utc + RETENTION)
    assert status(config, leaf.serial_number) is NEVER_ISSUED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version": 2, "issuers": {}}',
        b'{"version": 1, "issuers": {"00": {"01": {}}}}',
        b'{"version": 1, "issuers": {"00": {"01": {"answer": ""}}}}',
        b'{"version": 1, "issuers": {"00": {"01": {"answer": "MAA!"}}}}',
        b'{"version": 1, "issuers": {"00": {"01": {"revoked": "yesterday", "reason": "superseded"}}}}',
        b'{"version": 1, "issuers": {"00": {"01": {"revoked": "2026-03-02T12:00:00+00:00", "reason": "boredom"}}}}',
        b'{"version": 1, "issuers": {"zz": {}}}',
    ],
)
def test_a_damaged_status_file_says_nothing(config: Config, authority: Authority, content: bytes) -> None:
    authority.publish(NOW)
    (config.public / "status.json").write_bytes(content)
    with pytest.raises(HostError, match=r"status\.json: holds no certificate status .*run: mecai ca publish"):
        status(config, 1)


def test_publishing_replaces_a_damaged_status_file(
    config: Config, authority: Authority, leaf: x509.Certificate
) -> None:
    (config.public / "status.json").write_bytes(b"{")
    authority.publish(NOW)
    assert status(config, leaf.serial_number).answer


def test_the_reader_sees_a_replaced_file_at_once(config: Config, authority: Authority, leaf: x509.Certificate) -> None:
    reader = StatusFile(config.public / "status.json")
    assert not reader.look_up(spki_hash(issuing(config)), leaf.serial_number).revocation
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW)
    assert reader.look_up(spki_hash(issuing(config)), leaf.serial_number).revocation
