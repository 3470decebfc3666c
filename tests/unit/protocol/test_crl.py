"""Whose CRL counts, for which certificates, and for how long."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import VerificationError
from mecai.protocol.pki.crl import distribution_points, judge_crl
from tests.conformance.parts.der import bits, integer, oid, sequence, time_text
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, issue, key, key_usage

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test")
URL = "http://crl.alder.test/1.crl"


def point(**settings: bool | str) -> tuple[x509.ExtensionType, bool]:
    """Return a critical issuingDistributionPoint."""
    names = [x509.UniformResourceIdentifier(str(settings.pop("url")))] if "url" in settings else None
    flags = ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs")
    chosen = {flag: bool(settings.get(flag)) for flag in flags}
    reasons = frozenset({x509.ReasonFlags.superseded}) if settings.get("some_reasons") else None
    return x509.IssuingDistributionPoint(names, None, only_some_reasons=reasons, **chosen), True


def crl(
    signer: Issued,
    revoked: Sequence[int] = (),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    *,
    span: tuple[datetime, datetime] = (NOW - HOUR, NOW + DAY),
    issuer: x509.Name | None = None,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer or signer.certificate.subject)
    builder = builder.last_update(span[0]).next_update(span[1])
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - HOUR).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def judge(encoded: bytes, subject: Issued = SITE) -> None:
    assert subject.issuer
    judge_crl(encoded, subject.certificate, subject.issuer.certificate, URL, NOW)


def reason(encoded: bytes, subject: Issued = SITE) -> str:
    with pytest.raises(VerificationError) as caught:
        judge(encoded, subject)
    assert caught.value.rule == "V11"
    return caught.value.reason


def test_a_certificate_that_is_not_listed_is_good() -> None:
    status = judge_crl(crl(ALDER.issuing, [1]), SITE.certificate, ALDER.issuing.certificate, URL, NOW)
    assert (status.this_update, status.next_update) == (NOW - HOUR, NOW + DAY)


def test_a_listed_certificate_is_revoked() -> None:
    assert reason(crl(ALDER.issuing, [SITE.certificate.serial_number])) == "revoked"


def test_a_revocation_holds_whatever_the_lists_age() -> None:
    old = (NOW - 3 * DAY, NOW - 2 * DAY)
    assert reason(crl(ALDER.issuing, [SITE.certificate.serial_number], span=old)) == "revoked"


def dated(this_update: str, next_update: str, *entries: bytes) -> bytes:
    """Return a list signed over these times, which no library would write."""
    algorithm = sequence(oid("1.2.840.10045.4.3.2"))
    name = ALDER.issuing.certificate.subject.public_bytes()
    data = sequence(integer(1), algorithm, name, time_text(this_update), time_text(next_update), *entries)
    return sequence(data, algorithm, bits(ALDER.issuing.key.sign(data, ec.ECDSA(hashes.SHA256()))))


def test_revoked_in_the_year_zero_is_revoked() -> None:
    entry = sequence(integer(SITE.certificate.serial_number), time_text("00000101000000Z"))
    assert reason(dated(TODAY, "20991231235959Z", sequence(entry))) == "revoked"


TODAY = f"{NOW:%Y%m%d%H%M%S}Z"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (("00010101000000Z", "00010102000000Z"), "status-stale"),
        (("99991231235959Z", "99991231235959Z"), "status-stale"),
        (("00000101000000Z", "99991231235959Z"), "status-missing"),
        (("00010101000000Z", "00000101000000Z"), "status-missing"),
    ],
)
def test_the_first_and_the_last_years_are_a_verdict_and_no_fault(span: tuple[str, str], said: str) -> None:
    assert reason(dated(*span)) == said


@pytest.mark.parametrize("span", [(NOW - 2 * DAY, NOW), (NOW + HOUR, NOW + DAY)])
def test_a_list_out_of_its_time_is_stale(span: tuple[datetime, datetime]) -> None:
    assert reason(crl(ALDER.issuing, span=span)) == "status-stale"


def test_another_issuers_list_says_nothing() -> None:
    revoked = [SITE.certificate.serial_number]
    assert reason(crl(BIRCH.issuing, revoked)) == "status-missing"
    assert reason(crl(BIRCH.issuing, revoked, issuer=ALDER.issuing.certificate.subject)) == "status-missing"
    assert reason(crl(ALDER.root, revoked)) == "status-missing"


def test_an_issuer_that_must_not_sign_lists() -> None:
    extensions = [(x509.BasicConstraints(ca=True, path_length=0), True), key_usage("key_cert_sign")]
    parent = issue("no CRLs", key("no CRLs"), ALDER.root, extensions, span=(NOW - DAY, NOW + DAY))
    assert reason(crl(parent), ALDER.server("www.example.test", parent=parent)) == "status-missing"


OF_VERSION_7 = crl(ALDER.issuing).replace(b"\x02\x01\x01", b"\x02\x01\x06", 1)


@pytest.mark.parametrize(
    "encoded", [b"", b"garbage", crl(ALDER.issuing)[:-1], crl(ALDER.issuing) + b"\x00", OF_VERSION_7]
)
def test_garbage_says_nothing(encoded: bytes) -> None:
    assert reason(encoded) == "status-missing"


def test_a_changed_list_says_nothing() -> None:
    encoded = bytearray(crl(ALDER.issuing, [SITE.certificate.serial_number]))
    encoded[encoded.index(SITE.certificate.serial_number.to_bytes(8))] ^= 1
    assert reason(bytes(encoded)) == "status-missing"


@pytest.mark.parametrize(
    "scope",
    [
        point(indirect_crl=True),
        point(some_reasons=True),
        point(only_contains_attribute_certs=True),
        point(only_contains_ca_certs=True),
        point(url="http://crl.alder.test/2.crl"),
        (x509.DeltaCRLIndicator(1), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True),
    ],
)
def test_a_list_of_another_scope_says_nothing(scope: tuple[x509.ExtensionType, bool]) -> None:
    assert reason(crl(ALDER.issuing, extensions=[scope])) == "status-missing"


@pytest.mark.parametrize("scope", [point(url=URL), point(only_contains_user_certs=True), (x509.CRLNumber(1), False)])
def test_a_list_of_the_right_scope_counts(scope: tuple[x509.ExtensionType, bool]) -> None:
    judge(crl(ALDER.issuing, extensions=[scope]))


def test_a_list_for_end_entities_says_nothing_of_a_ca() -> None:
    assert reason(crl(ALDER.root, extensions=[point(only_contains_user_certs=True)]), ALDER.issuing) == "status-missing"
    judge(crl(ALDER.root, extensions=[point(only_contains_ca_certs=True)]), ALDER.issuing)


def with_points(*points: x509.DistributionPoint) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(ALDER.root.certificate.subject)
    builder = (
        builder.public_key(SITE.key.public_key()).serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    )
    builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    return builder.sign(ALDER.root.key, hashes.SHA256())


def test_where_lists_lie() -> None:
    url, other = x509.UniformResourceIdentifier(URL), x509.UniformResourceIdentifier("http://other.test/")
    somebody = [x509.DirectoryName(BIRCH.root.certificate.subject)]
    certificate = with_points(
        x509.DistributionPoint([other], None, frozenset({x509.ReasonFlags.superseded}), None),
        x509.DistributionPoint([other], None, None, somebody),
        x509.DistributionPoint([*somebody, url], None, None, None),
    )
    assert distribution_points(certificate) == (URL,)
    assert distribution_points(SITE.certificate) == ()
