"""What the public directory says: signed status, CRLs; what is written when, and what a failure leaves to be done."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from mecai.ca.authority.operations import CertificateAuthority
from mecai.ca.config import AuthorityConfig
from mecai.ca.repository.publication import RESPONSE_LIFE, RESPONSE_REFRESH, RETENTION
from mecai.ca.repository.status import NEVER_ISSUED, PublishedStatus, StatusFolder
from mecai.ca.storage.records import CertificateProfile, Issuer, serial_text
from mecai.errors import HostError, VerificationError
from mecai.protocol.pki.ocsp import judge_ocsp
from tests.pki import DAY, HOUR, NOW, key

SUPERSEDED = x509.ReasonFlags.superseded


@pytest.fixture
def leaf(authority: CertificateAuthority) -> x509.Certificate:
    return issue(authority, "www.example.test", NOW)[0]


def issue(authority: CertificateAuthority, name: str, now: datetime) -> tuple[x509.Certificate, ...]:
    return authority.issue(CertificateProfile.SERVER, key("www").public_key(), [name], None, now)


def contents(config: AuthorityConfig) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in config.public.rglob("*") if path.is_file()}


def issuing(config: AuthorityConfig) -> x509.Certificate:
    return x509.load_pem_x509_certificate((config.public / "issuing.pem").read_bytes())


def status(config: AuthorityConfig, serial: int) -> PublishedStatus:
    return StatusFolder(config.public).look_up(Issuer.ISSUING, serial)


def response(config: AuthorityConfig, serial: int) -> bytes:
    return status_file(config, serial).read_bytes()


def status_file(config: AuthorityConfig, serial: int) -> Path:
    return config.public / "status" / "issuing" / f"{serial_text(serial)}.der"


def crl(config: AuthorityConfig, now: datetime) -> x509.CertificateRevocationList:
    found = x509.load_der_x509_crl((config.public / "issuing.crl").read_bytes())
    assert found.is_signature_valid(issuing(config).public_key())  # type: ignore[arg-type]  # always P-256
    assert (found.last_update_utc, found.next_update_utc) == (now, now + 7 * DAY)
    return found


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_certificate_is_good_as_soon_as_it_is_issued(config: AuthorityConfig, leaf: x509.Certificate) -> None:
    der = response(config, leaf.serial_number)
    judged = judge_ocsp(der, leaf, issuing(config), NOW, max_validity=timedelta(hours=48))
    assert judged.next_update == NOW + RESPONSE_LIFE
    assert len(der) < 300


def test_a_serial_number_nobody_issued_is_unknown(config: AuthorityConfig, leaf: x509.Certificate) -> None:
    assert status(config, leaf.serial_number + 1) is NEVER_ISSUED


def test_a_response_is_signed_anew_when_it_grows_old(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    first = response(config, leaf.serial_number)
    authority.publish(NOW + RESPONSE_REFRESH - HOUR)
    assert response(config, leaf.serial_number) == first
    authority.publish(NOW + RESPONSE_REFRESH)
    judged = judge_ocsp(response(config, leaf.serial_number), leaf, issuing(config), NOW + RESPONSE_REFRESH)
    assert judged.this_update == NOW + RESPONSE_REFRESH


def test_only_what_is_due_is_written(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    later, _ = issue(authority, "late.example.test", NOW + HOUR)
    before = contents(config)
    authority.publish(NOW + RESPONSE_REFRESH)
    after = contents(config)
    changed = {path for path in after if after[path] != before[path]}
    assert status_file(config, leaf.serial_number) in changed
    assert status_file(config, later.serial_number) not in changed
    assert {path.suffix for path in changed} == {".der"}


def test_issuing_touches_nothing_but_the_new_certificates_file(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    before = contents(config)
    other, _ = issue(authority, "other.example.test", NOW + DAY)
    after = contents(config)
    assert {path for path in after if after[path] != before.get(path)} == {status_file(config, other.serial_number)}
    assert status(config, leaf.serial_number).issued


def test_the_status_of_a_revoked_certificate_says_when_and_why(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW + HOUR)
    found = status(config, leaf.serial_number)
    assert found.revocation
    assert (found.revocation.time, found.revocation.reason) == (NOW + HOUR, SUPERSEDED)
    with pytest.raises(VerificationError, match="revoked"):
        judge_ocsp(response(config, leaf.serial_number), leaf, issuing(config), NOW + HOUR)


def test_crls_name_what_is_revoked_and_count_upwards(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    before = crl(config, NOW)
    assert before.get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW + HOUR)
    after = crl(config, NOW + HOUR)
    entry = after.get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is SUPERSEDED
    assert number(after) > number(before)


def test_an_unspecified_reason_is_not_written(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    authority.revoke(leaf.serial_number, x509.ReasonFlags.unspecified, NOW)
    entry = crl(config, NOW).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry
    assert list(entry.extensions) == []


def in_the_future(authority: CertificateAuthority, leaf: x509.Certificate, offset: timedelta) -> None:
    """Publish and revoke with a clock that runs ahead."""
    authority.publish(NOW + offset)
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW + offset)


@pytest.mark.parametrize("offset", [HOUR, 30 * DAY, 3650 * DAY], ids=["hour", "month", "decade"])
def test_status_dated_ahead_is_signed_anew_by_the_next_publish(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate, offset: timedelta
) -> None:
    authority.publish(NOW + RESPONSE_REFRESH + offset)
    authority.publish(NOW + HOUR)
    judged = judge_ocsp(response(config, leaf.serial_number), leaf, issuing(config), NOW + HOUR)
    assert judged.this_update <= NOW + HOUR


@pytest.mark.parametrize("offset", [HOUR, 30 * DAY, 3650 * DAY], ids=["hour", "month", "decade"])
def test_a_revocation_dated_ahead_begins_with_the_next_publish(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate, offset: timedelta
) -> None:
    in_the_future(authority, leaf, offset)
    authority.publish(NOW)
    found = status(config, leaf.serial_number)
    assert found.revocation
    assert found.revocation.time == NOW
    assert found.response
    assert found.response.this_update_utc == NOW
    listed = crl(config, NOW).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert listed
    assert listed.revocation_date_utc == NOW


@pytest.mark.parametrize("offset", [4 * DAY, 3650 * DAY], ids=["days", "decade"])
def test_a_crl_dated_ahead_is_signed_anew_by_the_next_publish(
    authority: CertificateAuthority, config: AuthorityConfig, offset: timedelta
) -> None:
    authority.publish(NOW + offset)
    ahead = crl(config, NOW + offset)
    authority.publish(NOW + HOUR)
    assert number(crl(config, NOW + HOUR)) == number(ahead) + 1


def test_after_a_wrong_clock_only_what_is_due_is_written(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    in_the_future(authority, leaf, 30 * DAY)
    authority.publish(NOW)
    before = contents(config)
    authority.publish(NOW + HOUR)
    assert contents(config) == before


def test_what_expired_long_ago_is_forgotten(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW)
    authority.publish(leaf.not_valid_after_utc + RETENTION - HOUR)
    assert status(config, leaf.serial_number).revocation
    authority.publish(leaf.not_valid_after_utc + RETENTION)
    assert status(config, leaf.serial_number) is NEVER_ISSUED


def test_crls_are_published_when_half_of_their_life_is_over(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    first = crl(config, NOW)
    authority.publish(NOW + 3 * DAY)
    assert number(crl(config, NOW)) == number(first)
    authority.publish(NOW + 3.5 * DAY)
    assert number(crl(config, NOW + 3.5 * DAY)) == number(first) + 1


def test_a_lost_crl_comes_back_with_a_higher_number(authority: CertificateAuthority, config: AuthorityConfig) -> None:
    first = crl(config, NOW)
    (config.public / "issuing.crl").unlink()
    authority.publish(NOW + HOUR)
    assert number(crl(config, NOW + HOUR)) > number(first)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x30\x03\x0a\x01\x06"])
def test_a_damaged_status_says_nothing(config: AuthorityConfig, leaf: x509.Certificate, content: bytes) -> None:
    status_file(config, leaf.serial_number).write_bytes(content)
    with pytest.raises(HostError, match=r"\.der: holds no status of its certificate .*remove it and run: mecai ca pub"):
        status(config, leaf.serial_number)


def test_the_status_of_another_certificate_says_nothing(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    other, _ = issue(authority, "other.example.test", NOW)
    status_file(config, leaf.serial_number).write_bytes(response(config, other.serial_number))
    with pytest.raises(HostError, match=f"serial number {serial_text(other.serial_number)}"):
        status(config, leaf.serial_number)


def test_lost_status_comes_back(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    status_file(config, leaf.serial_number).unlink()
    authority.publish(NOW)
    assert status(config, leaf.serial_number).issued


def test_without_its_folder_nothing_is_called_unknown(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    shutil.rmtree(config.public / "status")
    for serial in (leaf.serial_number, 1):
        with pytest.raises(HostError, match=r"status cannot be read .*run: mecai ca publish"):
            status(config, serial)
    authority.publish(NOW)
    assert status(config, leaf.serial_number).issued
    assert status(config, 1) is NEVER_ISSUED


def test_what_has_no_place_in_the_status_folder_is_removed(
    authority: CertificateAuthority, config: AuthorityConfig, leaf: x509.Certificate
) -> None:
    folder = status_file(config, leaf.serial_number).parent
    for name in ("0abc.der", ".0abc.der.x1", "note"):
        (folder / name).write_bytes(b"")
    authority.publish(NOW)
    assert [path.name for path in folder.iterdir()] == [f"{serial_text(leaf.serial_number)}.der"]


def test_the_reader_sees_a_revocation_at_once(
    config: AuthorityConfig, authority: CertificateAuthority, leaf: x509.Certificate
) -> None:
    reader = StatusFolder(config.public)
    assert not reader.look_up(Issuer.ISSUING, leaf.serial_number).revocation
    authority.revoke(leaf.serial_number, SUPERSEDED, NOW)
    assert reader.look_up(Issuer.ISSUING, leaf.serial_number).revocation
