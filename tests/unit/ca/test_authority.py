"""What an authority certifies and what it refuses; the certificates hold before three independent judges."""

import base64
import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from mecai.ca.authority.operations import REASONS, CertificateAuthority, NotGood, initialise, opened
from mecai.ca.config import AuthorityConfig, Days
from mecai.ca.storage.records import CertificateProfile
from mecai.errors import HostError, InputError
from mecai.protocol.objects.entries import decode_authority
from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.keys import PublicKey
from tests.pki import DAY, HOUR, NOW, Hierarchy, key, rsa_key
from tests.pki import issue as sign_foreign

SECOND: Final = timedelta(seconds=1)
UNSPECIFIED: Final = x509.ReasonFlags.unspecified


def public(name: str) -> PublicKey:
    return key(name).public_key()


def issue(
    authority: CertificateAuthority, profile: CertificateProfile, *names: str, label: str = ""
) -> tuple[x509.Certificate, ...]:
    return authority.issue(profile, public(label or profile), names, None, NOW)


def published(config: AuthorityConfig, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((config.public / f"{name}.pem").read_bytes())


def purposes(certificate: x509.Certificate) -> tuple[list[str], bool]:
    extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    return [purpose.dotted_string for purpose in extension.value], extension.critical


def test_a_server_certificate_verifies_as_browsers_verify(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    leaf, *intermediates = issue(authority, CertificateProfile.SERVER, "www.example.test", "example.test")
    policy = PolicyBuilder().store(Store([published(config, "root")])).time(NOW + HOUR)
    chain = policy.build_server_verifier(x509.DNSName("www.example.test")).verify(leaf, intermediates)
    assert chain == [leaf, published(config, "issuing"), published(config, "root")]


def test_a_server_certificate_with_an_rsa_key(authority: CertificateAuthority) -> None:
    leaf, _ = authority.issue(CertificateProfile.SERVER, rsa_key("www").public_key(), ["www.example.test"], None, NOW)
    assert leaf.public_key() == rsa_key("www").public_key()


def test_a_long_name_goes_into_the_alternative_names_only(authority: CertificateAuthority) -> None:
    name = f"{'w' * 63}.example.test"
    leaf, _ = issue(authority, CertificateProfile.SERVER, name)
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (leaf.subject, alternative.critical) == (x509.Name([]), True)
    assert alternative.value.get_values_for_type(x509.DNSName) == [name]


def test_a_voucher_authority_certificate_is_as_the_specification_says(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    (certificate,) = issue(authority, CertificateProfile.VA, "vas.alder.test")
    certificate.verify_directly_issued_by(published(config, "root"))
    assert purposes(certificate) == ([ID_KP_VOUCHER_SIGNING], True)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=365)
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [description.access_location.value for description in access] == ["http://ocsp.alder.test"]
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.BasicConstraints)


@pytest.mark.parametrize(
    ("profile", "issuer"), [(CertificateProfile.OCSP_ROOT, "root"), (CertificateProfile.OCSP_ISSUING, "issuing")]
)
def test_a_responder_certificate_needs_no_status(
    authority: CertificateAuthority, config: AuthorityConfig, profile: CertificateProfile, issuer: str
) -> None:
    certificate, *intermediates = issue(authority, profile)
    certificate.verify_directly_issued_by(published(config, issuer))
    assert purposes(certificate)[0] == [ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string]
    assert x509.OCSPNoCheck() in [extension.value for extension in certificate.extensions]
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert len(intermediates) == (issuer == "issuing")


def test_serial_numbers_are_large_positive_and_all_different(authority: CertificateAuthority) -> None:
    leaves = [issue(authority, CertificateProfile.SERVER, "www.example.test")[0] for _ in range(16)]
    numbers = {leaf.serial_number for leaf in leaves}
    assert len(numbers) == 16
    assert all(0 < number < 1 << 159 for number in numbers)
    assert max(numbers) > 1 << 128


def test_pointers_to_crls_only_where_crls_are_published(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    for crl_url, pointers in ((None, 0), ("http://ocsp.alder.test/crl/", 1)):
        with opened(AuthorityConfig(**{**vars(config), "crl_url": crl_url})) as authority:
            leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
        found = [each.value for each in leaf.extensions if isinstance(each.value, x509.CRLDistributionPoints)]
        assert len(found) == pointers
        for extension in found:
            ((location,),) = (point.full_name for point in extension)
            assert location.value == "http://ocsp.alder.test/crl/issuing.crl"


def test_nothing_outlives_its_issuer(config: AuthorityConfig) -> None:
    initialise(AuthorityConfig(**{**vars(config), "days": Days(issuing=30)}), NOW)
    with opened(config) as authority:
        leaf, issuing = issue(authority, CertificateProfile.SERVER, "www.example.test")
        assert leaf.not_valid_after_utc == issuing.not_valid_after_utc
        with pytest.raises(HostError, match="issuing certificate: ended at"):
            authority.issue(CertificateProfile.SERVER, public("www"), ["www.example.test"], None, NOW + 30 * DAY)


@pytest.mark.parametrize(
    ("profile", "names", "days", "complaint"),
    [
        (CertificateProfile.SERVER, [], None, "profile server needs a DNS name"),
        (CertificateProfile.OCSP_ROOT, ["ocsp.alder.test"], None, "profile ocsp-root has no names of its own"),
        (CertificateProfile.VA, ["vas.alder.test"], 366, "--days: 366 is outside 1..365"),
        (CertificateProfile.SERVER, ["www.example.test"], 0, "--days: 0 is outside 1..200"),
    ],
)
def test_orders_that_are_refused(
    authority: CertificateAuthority, profile: CertificateProfile, names: list[str], days: int | None, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        authority.issue(profile, public("www"), names, days, NOW)


def test_a_key_serves_one_purpose(authority: CertificateAuthority) -> None:
    issue(authority, CertificateProfile.SERVER, "www.example.test", label="one")
    issue(authority, CertificateProfile.SERVER, "www.example.test", label="one")
    with pytest.raises(InputError, match="its key already serves profile server"):
        issue(authority, CertificateProfile.VA, "vas.alder.test", label="one")


def test_one_key_may_answer_for_both_issuers(authority: CertificateAuthority) -> None:
    issue(authority, CertificateProfile.OCSP_ROOT, label="ocsp")
    issue(authority, CertificateProfile.OCSP_ISSUING, label="ocsp")


def test_an_authority_does_not_certify_its_own_keys_again(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    own = published(config, "issuing").public_key()
    with pytest.raises(InputError, match="its key already serves profile issuing"):
        authority.issue(CertificateProfile.SERVER, own, ["www.example.test"], None, NOW)  # type: ignore[arg-type]  # always P-256


def test_a_compromised_key_is_never_certified_again(authority: CertificateAuthority) -> None:
    leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
    authority.revoke(leaf.serial_number, x509.ReasonFlags.key_compromise, NOW)
    with pytest.raises(InputError, match="its key was compromised"):
        issue(authority, CertificateProfile.SERVER, "www.example.test")


def test_a_revocation_is_for_good(authority: CertificateAuthority) -> None:
    leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
    assert authority.revoke(leaf.serial_number, x509.ReasonFlags.superseded, NOW)[1]
    entry, done = authority.revoke(leaf.serial_number, UNSPECIFIED, NOW + HOUR)
    assert not done
    assert entry.revocation
    assert (entry.revocation.time, entry.revocation.reason) == (NOW, x509.ReasonFlags.superseded)


def test_a_good_certificate_is_found_good_to_its_last_second(authority: CertificateAuthority) -> None:
    leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
    for now in (NOW, leaf.not_valid_after_utc):
        assert authority.check(leaf, now).certificate == leaf
    for now in (leaf.not_valid_before_utc - SECOND, leaf.not_valid_after_utc + SECOND):
        with pytest.raises(NotGood, match="valid from"):
            authority.check(leaf, now)


def test_a_revoked_certificate_is_not_good(authority: CertificateAuthority) -> None:
    leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
    authority.revoke(leaf.serial_number, x509.ReasonFlags.superseded, NOW)
    with pytest.raises(NotGood, match=f"revoked at {re.escape(str(NOW))}: superseded"):
        authority.check(leaf, NOW)


def test_a_certificate_of_another_authority_is_not_good(authority: CertificateAuthority) -> None:
    """Nor is it one that bears a serial number of this authority."""
    leaf, _ = issue(authority, CertificateProfile.SERVER, "www.example.test")
    own, span = key("www"), (NOW - DAY, NOW + DAY)
    for serial in (leaf.serial_number, 5):
        foreign = sign_foreign("www.example.test", own, None, [], span=span, serial=serial).certificate
        with pytest.raises(NotGood, match="not issued by this authority"):
            authority.check(foreign, NOW)


def test_only_what_was_issued_can_be_revoked(authority: CertificateAuthority, config: AuthorityConfig) -> None:
    with pytest.raises(InputError, match="serial number 0abc: not issued by this authority"):
        authority.revoke(0xABC, UNSPECIFIED, NOW)
    with pytest.raises(InputError, match="a root cannot revoke itself"):
        authority.revoke(published(config, "root").serial_number, UNSPECIFIED, NOW)


def test_reasons_leave_out_those_that_can_be_undone() -> None:
    assert "certificateHold" not in REASONS
    assert "keyCompromise" in REASONS


def test_it_describes_itself_as_a_directory_does(authority: CertificateAuthority, config: AuthorityConfig) -> None:
    entry = decode_authority(authority.describe(NOW))
    root = published(config, "root")
    assert entry.authority == spki_hash(root)[:8]
    assert entry.identifying_roots == (root,)
    assert entry.subordinates == {spki_hash(published(config, "issuing"))}
    assert [(server.url, server.roots) for server in entry.servers] == [("https://vas.alder.test", (root,))]


def test_it_lists_every_ca_of_its_owner_that_is_good(config: AuthorityConfig) -> None:
    """Its own, and those that its operator names; not what the root certified for a key of who knows whom."""
    initialise(config, NOW)
    elsewhere = spki_hash(Hierarchy("birch").issuing.certificate)
    with opened(replace(config, ca_keys=(elsewhere.hex(),))) as authority:
        issuing = published(config, "issuing")
        authority.issue(CertificateProfile.ISSUING, key("further").public_key(), [], 30, NOW)

        def listed() -> frozenset[bytes]:
            return decode_authority(authority.describe(NOW)).subordinates

        assert listed() == {spki_hash(issuing), elsewhere}
        authority.revoke(issuing.serial_number, UNSPECIFIED, NOW)
        assert listed() == {elsewhere}


def test_it_lists_the_key_that_signs_its_reports(config: AuthorityConfig) -> None:
    public = key("reports").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    initialise(config, NOW)
    with opened(replace(config, report_key=base64.b64encode(public).decode())) as authority:
        assert decode_authority(authority.describe(NOW)).report_key == public
    with opened(config) as authority:
        assert decode_authority(authority.describe(NOW)).report_key is None
    with (
        opened(replace(config, report_key="77f1")) as authority,
        pytest.raises(InputError, match="report_key: no DER SubjectPublicKeyInfo"),
    ):
        authority.describe(NOW)


def test_without_a_url_of_its_authority_it_does_not_vouch(config: AuthorityConfig) -> None:
    private = replace(config, vas_url=None)
    initialise(private, NOW)
    with opened(private) as authority:
        assert decode_authority(authority.describe(NOW)).servers == ()
