"""Certificate paths: rules K1 to K3, V3, C4 and the OCSP delegate of E3."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from mecai.protocol.pki import keys
from mecai.protocol.pki.direct import validate_authority, validate_delegate
from mecai.protocol.pki.path import validate_chain
from tests.pki import (
    DAY,
    NOW,
    OCSP_SIGNING,
    SERVER_AUTH,
    VOUCHER_SIGNING,
    Hierarchy,
    Issued,
    Key,
    ca_extensions,
    issue,
    key,
    key_usage,
    leaf_extensions,
    rsa_key,
)
from tests.pki import name as pki_name
from tests.scene import HOST, refuses

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
ROOTS = [BIRCH.root.certificate, ALDER.root.certificate]
SITE = ALDER.server(HOST, "*.wild.test", "192.0.2.1")
ISSUING = ALDER.issuing.certificate
SPAN = (NOW - DAY, NOW + 364 * DAY)
Purposes = Sequence[x509.ObjectIdentifier]
Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def authority(
    extensions: Extensions | None = None,
    *,
    subject_key: Key | None = None,
    days: int = 364,
    parent: Issued | None = None,
) -> x509.Certificate:
    """Return a Voucher Authority's certificate, good unless told otherwise."""
    profile = ALDER.voucher_extensions() if extensions is None else extensions
    span = (NOW - DAY, NOW - DAY + timedelta(days=days))
    return issue("VA", subject_key or key("va"), parent or ALDER.root, profile, span=span).certificate


def without(kind: type[x509.ExtensionType]) -> Extensions:
    return [entry for entry in ALDER.voucher_extensions() if not isinstance(entry[0], kind)]


def instead(extension: x509.ExtensionType, *, critical: bool) -> Extensions:
    return [*without(type(extension)), (extension, critical)]


# Servers


@pytest.mark.parametrize("name", [HOST, HOST.upper(), HOST + ".", "a.wild.test", "192.0.2.1", None])
def test_a_chain_is_returned_from_end_entity_to_root(name: str | None) -> None:
    path = validate_chain(SITE.certificate, [ISSUING], ROOTS, name, NOW)
    assert path == [SITE.certificate, ISSUING, ALDER.root.certificate]


@pytest.mark.parametrize("name", ["other.test", "a.b.wild.test", "192.0.2.2", "", "no name"])
def test_the_name_must_be_in_the_certificate(name: str) -> None:
    with refuses("untrusted", "C4"):
        validate_chain(SITE.certificate, [ISSUING], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
def test_a_chain_must_reach_a_root(name: str | None) -> None:
    for intermediates, roots in (
        ([], ROOTS),
        ([ISSUING], ROOTS[:1]),
        ([ISSUING], []),
        ([BIRCH.issuing.certificate], ROOTS),
    ):
        with refuses("untrusted", "C4"):
            validate_chain(SITE.certificate, intermediates, roots, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 91 * DAY])
def test_a_chain_has_its_time(name: str | None, now: datetime) -> None:
    with refuses("untrusted", "C4"):
        validate_chain(SITE.certificate, [ISSUING], ROOTS, name, now)


@pytest.mark.parametrize("name", ["vas.alder.test", None])
def test_another_purpose_is_no_server(name: str | None) -> None:
    with refuses("untrusted", "C4"):
        validate_chain(ALDER.voucher.certificate, [], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
def test_an_intermediate_for_another_purpose(name: str | None) -> None:
    extensions = [
        *ca_extensions(key("sub"), 0),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    ]
    mail = issue("mail CA", key("sub"), ALDER.root, extensions, span=SPAN)
    site = ALDER.server(HOST, parent=mail)
    with refuses("untrusted", "C4"):
        validate_chain(site.certificate, [mail.certificate], ROOTS, name, NOW)


ANY, EMAIL = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.EMAIL_PROTECTION


@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize(
    ("of_ca", "of_server", "good"),
    [
        ([SERVER_AUTH], [SERVER_AUTH], True),
        ([ANY], [SERVER_AUTH], True),
        ([EMAIL, ANY], [SERVER_AUTH], True),
        ([ANY], [EMAIL], False),
        ([ANY], [ANY], False),
        ([SERVER_AUTH], [ANY], False),
    ],
)
def test_a_purpose_means_the_same_to_clients_and_to_notaries(
    name: str | None, critical: bool, of_ca: Purposes, of_server: Purposes, good: bool
) -> None:
    """A client has a name to check, a notary has none; any purpose is a CA's, and no server's (rule C4)."""
    ca_usage, server_usage = ((x509.ExtendedKeyUsage(purposes), critical) for purposes in (of_ca, of_server))
    ca = issue("purposes", key("purposes"), ALDER.root, [*ca_extensions(key("purposes"), 0), ca_usage], span=SPAN)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    site = issue(HOST, key(HOST), ca, [(names, False), server_usage], span=SPAN).certificate
    if good:
        assert validate_chain(site, [ca.certificate], ROOTS, name, NOW)
    else:
        with refuses("untrusted", "C4"):
            validate_chain(site, [ca.certificate], ROOTS, name, NOW)


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - so weak is what is to be refused
WEB_KEYS = [key("p384", ec.SECP384R1), key("p521", ec.SECP521R1), rsa_key("server")]


@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize("server_key", WEB_KEYS, ids=["P-384", "P-521", "RSA 2048"])
def test_a_server_may_have_any_key_of_the_web(name: str | None, server_key: Key) -> None:
    site = ALDER.server(HOST, server_key=server_key)
    assert validate_chain(site.certificate, [ISSUING], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize("weak", [WEAK, ec.generate_private_key(ec.SECP256K1())], ids=["RSA 1024", "secp256k1"])
def test_a_server_with_another_key_is_untrusted(name: str | None, weak: Key) -> None:
    with refuses("untrusted", "C4"):
        validate_chain(ALDER.server(HOST, server_key=weak).certificate, [ISSUING], ROOTS, name, NOW)


def constrained(label: str, ca_key: Key, *, critical: bool = True) -> Issued:
    """Return a CA under alder's root for one domain and one organisation, as the Baseline Requirements have it."""
    directory_name = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")]))
    constraints = x509.NameConstraints([x509.DNSName("example.test"), directory_name], None)
    extensions = [*ca_extensions(ca_key, 0), (constraints, critical)]
    return issue(f"alder {label}", ca_key, ALDER.root, extensions, span=SPAN)


@pytest.mark.parametrize("name", [HOST, None])
def test_a_constraint_that_is_not_understood_hides_no_other_path(name: str | None) -> None:
    """The issuing CA has two certificates of one key; the first is constrained as the library cannot process."""
    twin = constrained("issuing CA", ALDER.issuing.key)
    for shown in ([twin.certificate, ISSUING], [ISSUING, twin.certificate]):
        assert validate_chain(SITE.certificate, shown, ROOTS, name, NOW)[1] == ISSUING


@pytest.mark.parametrize("name", [HOST, None])
def test_a_key_that_no_path_may_have_hides_no_other_path(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuing CA is certified by a CA with a key that is too long for K7, and by the root."""
    monkeypatch.setattr(keys, "_RSA_MOST", 2048)  # 8192 bits and more take long to make
    long = rsa.generate_private_key(65537, 3072)
    upper = issue("alder upper CA", long, ALDER.root, ca_extensions(long, None), span=SPAN)
    extensions = ca_extensions(ALDER.issuing.key, 0)
    crossed = issue("alder issuing CA", ALDER.issuing.key, upper, extensions, span=SPAN).certificate
    shown = [crossed, upper.certificate, ISSUING]
    assert validate_chain(SITE.certificate, shown, ROOTS, name, NOW) == [SITE.certificate, ISSUING, ROOTS[1]]
    with refuses("untrusted", "C4"):
        validate_chain(SITE.certificate, shown[:2], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
def test_a_constraint_that_is_not_understood_lets_nothing_through(name: str | None) -> None:
    only = constrained("sub", key("sub"))
    with refuses("untrusted", "C4"):
        validate_chain(ALDER.server(HOST, parent=only).certificate, [only.certificate], ROOTS, name, NOW)


def test_a_constraint_that_is_understood_binds_also_beside_one_that_is_not() -> None:
    """A site outside the permitted domain stays outside, whatever else is shown."""
    extensions = [*ca_extensions(key("narrow"), 0), (x509.NameConstraints([x509.DNSName("other.test")], None), True)]
    narrow = issue("alder narrow", key("narrow"), ALDER.root, extensions, span=SPAN)
    site = ALDER.server(HOST, parent=narrow)
    shown = [narrow.certificate, constrained("narrow", key("narrow")).certificate]
    with refuses("untrusted", "C4"):
        validate_chain(site.certificate, shown, ROOTS, HOST, NOW)


def encoded(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


DISTANCE = {"no distance": b"", "a minimum": b"\x80\x01\x01", "a maximum": b"\x81\x01\x05"}


@pytest.mark.parametrize("distance", DISTANCE)
@pytest.mark.parametrize("list_tag", [0xA0, 0xA1], ids=["permitted", "excluded"])
def test_only_subtrees_without_distances_are_read(distance: str, list_tag: int) -> None:
    """RFC 5280 section 4.2.1.10; what else the certificate holds, such as the same subtree without, says nothing."""
    domain = {0xA0: b"example.test", 0xA1: b"other.test"}[list_tag]
    value, plain = (
        encoded(0x30, encoded(list_tag, encoded(0x30, encoded(0x82, domain), written)))
        for written in (DISTANCE[distance], b"")
    )
    constraints = x509.UnrecognizedExtension(x509.NameConstraints.oid, value)
    noise = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), plain)
    extensions = [*ca_extensions(key("far"), 0), (constraints, True), (noise, False)]
    far = issue("alder far", key("far"), ALDER.root, extensions, span=SPAN)
    chain = (ALDER.server(HOST, parent=far).certificate, [far.certificate], ROOTS, HOST, NOW)
    with nullcontext() if distance == "no distance" else refuses("untrusted", "C4"):
        validate_chain(*chain)


POLICIES = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)])


@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize(
    "extension",
    [POLICIES, x509.PolicyConstraints(0, None), x509.InhibitAnyPolicy(0)],
    ids=["certificatePolicies", "policyConstraints", "inhibitAnyPolicy"],
)
def test_policies_are_not_processed_and_so_never_critical(name: str | None, extension: x509.ExtensionType) -> None:
    """ADR 0018: openssl processes them; here a CA that calls them critical has no path."""
    for critical in (False, True):
        ca_key = key(f"policies {critical}")
        extensions = [*ca_extensions(ca_key, 0), (extension, critical)]
        ca = issue("alder policies", ca_key, ALDER.root, extensions, span=SPAN)
        site = ALDER.server(HOST, parent=ca).certificate
        if critical:
            with refuses("untrusted", "C4"):
                validate_chain(site, [ca.certificate], ROOTS, name, NOW)
        else:
            validate_chain(site, [ca.certificate], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
def test_an_end_entity_names_its_issuers_key(name: str | None) -> None:
    """ADR 0018: the Baseline Requirements demand an authority key identifier; openssl does without."""
    builder = x509.CertificateBuilder().subject_name(pki_name(HOST)).issuer_name(ISSUING.subject).serial_number(9)
    builder = builder.public_key(key("bare").public_key()).not_valid_before(SPAN[0]).not_valid_after(SPAN[1])
    for extension, critical in leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST]):
        builder = builder.add_extension(extension, critical)
    with refuses("untrusted", "C4"):
        validate_chain(builder.sign(ALDER.issuing.key, hashes.SHA256()), [ISSUING], ROOTS, name, NOW)


@pytest.mark.parametrize("name", [HOST, None])
def test_a_domain_constraint_has_no_leading_dot(name: str | None) -> None:
    """ADR 0018: openssl takes `.example.test` for subdomains; RFC 5280 section 4.2.1.10 has no such form."""
    for critical in (False, True):
        constraints = x509.NameConstraints([x509.DNSName(".example.test")], None)
        extensions = [*ca_extensions(key("dotted"), 0), (constraints, critical)]
        dotted = issue("alder dotted", key("dotted"), ALDER.root, extensions, span=SPAN)
        site = ALDER.server(HOST, parent=dotted).certificate
        with refuses("untrusted", "C4"):
            validate_chain(site, [dotted.certificate], ROOTS, name, NOW)


# Voucher Authorities


@pytest.mark.parametrize("subject_key", [key("va"), key("va", ec.SECP384R1), rsa_key("va")])
def test_an_authority_is_issued_by_its_root(subject_key: Key) -> None:
    assert validate_authority(authority(subject_key=subject_key), ROOTS, NOW) == ALDER.root.certificate


def test_a_year_is_the_longest_life() -> None:
    validate_authority(authority(days=366), ROOTS, NOW)
    with refuses("untrusted-authority", "V3"):
        validate_authority(authority(days=367), ROOTS, NOW)


def test_a_root_of_another_algorithm_makes_no_authority() -> None:
    """The Web PKI's profile lets P-521 pass, K3 does not."""
    own = key("elm root", ec.SECP521R1)
    root = issue("elm root", own, None, ca_extensions(own, None), span=SPAN)
    with refuses("untrusted-authority", "V3"):
        validate_authority(authority(parent=root), [root.certificate], NOW)


def issuers_url() -> x509.AuthorityInformationAccess:
    url = x509.UniformResourceIdentifier("http://ca.alder.test/root.cer")
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, url)])


SERVER = ExtendedKeyUsageOID.SERVER_AUTH
BAD_AUTHORITIES: dict[str, Callable[[], x509.Certificate]] = {
    "not critical": lambda: authority(instead(x509.ExtendedKeyUsage([VOUCHER_SIGNING]), critical=False)),
    "not alone": lambda: authority(instead(x509.ExtendedKeyUsage([VOUCHER_SIGNING, SERVER]), critical=True)),
    "another purpose": lambda: authority(instead(x509.ExtendedKeyUsage([SERVER]), critical=True)),
    "no purpose": lambda: authority(without(x509.ExtendedKeyUsage)),
    "no key usage": lambda: authority(without(x509.KeyUsage)),
    "key usage of a CA": lambda: authority([*without(x509.KeyUsage), key_usage("digital_signature", "key_cert_sign")]),
    "no URL": lambda: authority(without(x509.AuthorityInformationAccess)),
    "no OCSP URL": lambda: authority(instead(issuers_url(), critical=False)),
    "no name": lambda: authority(without(x509.SubjectAlternativeName)),
    "a CA": lambda: authority([*ALDER.voucher_extensions(), (x509.BasicConstraints(ca=True, path_length=None), True)]),
    "issued by a sub-CA": lambda: authority(parent=ALDER.issuing),
    "another root": lambda: authority(parent=Hierarchy("cedar").root),
    "self-signed": lambda: issue("VA", key("va"), None, ALDER.voucher_extensions(), span=SPAN).certificate,
    "P-521": lambda: authority(subject_key=key("va", ec.SECP521R1)),
    "the root itself": lambda: ALDER.root.certificate,
    "not yet valid": lambda: (
        issue("VA", key("va"), ALDER.root, ALDER.voucher_extensions(), span=(NOW + DAY, NOW + 2 * DAY)).certificate
    ),
    "expired": lambda: authority(days=1),
}


@pytest.mark.parametrize("make", BAD_AUTHORITIES.values(), ids=BAD_AUTHORITIES.keys())
def test_what_is_no_authority(make: Callable[[], x509.Certificate]) -> None:
    with refuses("untrusted-authority", "V3"):
        validate_authority(make(), ROOTS, NOW + timedelta(seconds=1))


def test_an_authority_that_was_one_is_none_before_and_after_its_time_and_its_roots() -> None:
    own = key("elm root")
    root = issue("elm root", own, None, ca_extensions(own, None), span=(NOW - DAY, NOW + DAY))
    certificate = authority(parent=root)
    for _ in range(2):
        assert validate_authority(certificate, [root.certificate], NOW) == root.certificate
        for ahead in (-2 * DAY, 2 * DAY):
            with refuses("untrusted-authority", "V3"):
                validate_authority(certificate, [root.certificate], NOW + ahead)
        with refuses("untrusted-authority", "V3"):
            validate_authority(certificate, ROOTS, NOW)


def test_an_authority_is_no_delegate_of_the_same_issuer() -> None:
    certificate, root = authority(), ALDER.root.certificate
    for _ in range(2):
        validate_authority(certificate, [root], NOW)
        with refuses("status-missing", "V11"):
            validate_delegate(certificate, root, NOW)


def test_an_authority_that_says_it_is_no_ca() -> None:
    extensions = [*ALDER.voucher_extensions(), (x509.BasicConstraints(ca=False, path_length=None), True)]
    validate_authority(authority(extensions), ROOTS, NOW)


# OCSP responders


def test_a_delegate_of_the_issuer() -> None:
    validate_delegate(ALDER.responder(ALDER.issuing).certificate, ISSUING, NOW)
    validate_delegate(ALDER.responder(ALDER.root).certificate, ALDER.root.certificate, NOW)


BAD_DELEGATES: dict[str, Callable[[], x509.Certificate]] = {
    "of another CA": lambda: BIRCH.responder(BIRCH.issuing).certificate,
    "of the root": lambda: ALDER.responder(ALDER.root).certificate,
    "another purpose": lambda: SITE.certificate,
    "expired": lambda: ALDER.responder(ALDER.issuing, days=-0.5).certificate,
    "no purpose": lambda: issue("x", key("x"), ALDER.issuing, [], span=SPAN).certificate,
    "a status of its own to be asked": lambda: (
        issue("x", key("x"), ALDER.issuing, leaf_extensions(OCSP_SIGNING)[:2], span=SPAN).certificate
    ),
    "of a sub-CA": lambda: ALDER.responder(ALDER.subordinate("sub", ALDER.issuing)).certificate,
}


@pytest.mark.parametrize("make", BAD_DELEGATES.values(), ids=BAD_DELEGATES.keys())
def test_what_is_no_delegate(make: Callable[[], x509.Certificate]) -> None:
    with refuses("status-missing", "V11"):
        validate_delegate(make(), ISSUING, NOW)


def test_a_delegate_may_have_other_purposes_too() -> None:
    extensions = [each for each in leaf_extensions(OCSP_SIGNING) if not isinstance(each[0], x509.ExtendedKeyUsage)]
    usage = (x509.ExtendedKeyUsage([SERVER, OCSP_SIGNING]), False)
    both = issue("both", key("both"), ALDER.issuing, [*extensions, usage], span=SPAN)
    validate_delegate(both.certificate, ISSUING, NOW)
