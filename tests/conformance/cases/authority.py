# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V2 to V4: which authority speaks, whether its certificate allows it to, and whether it signed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.conformance.parts.certificates import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    extension,
    reissued,
    reissued_der,
    utc,
)
from tests.conformance.parts.der import integer, octets, sequence
from tests.conformance.parts.directories import authority_id, content, distrust, entry, signed, text
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signed_data import Changes
from tests.conformance.parts.signing import Signer, signer
from tests.conformance.parts.status import ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import BIRCH, CEDAR, DOGWOOD, ENTRIES, GOOD, accepted, of, refused, voucher
from tests.pki import (
    DAY,
    HOUR,
    NOW,
    VOUCHER_SIGNING,
    Hierarchy,
    Issued,
    ca_extensions,
    issue,
    key,
    key_usage,
    leaf_extensions,
)

Extensions = Sequence[tuple[x509.ExtensionType, bool]]
SECOND = timedelta(seconds=1)
_SPAN = (NOW - DAY, NOW + 364 * DAY)
_NAME = "vas.birch.test"
_URL = BIRCH.ocsp_url
_USAGE, _PURPOSE, _NAMES, _ACCESS = BIRCH.voucher_extensions()


def _authority(extensions: Extensions, span: tuple[datetime, datetime] = _SPAN, parent: Issued = BIRCH.root) -> Issued:
    """Return another certificate for birch's Voucher Authority."""
    return issue("birch VA", key("birch voucher authority"), parent, extensions, span=span)


def _signed_by(authority: Issued, **changes: Any) -> Any:
    return voucher(by=signer(authority), **changes)


def _untrusted(authority: Issued, **changes: Any) -> Situation:
    return refused("untrusted-authority", _signed_by(authority), **changes)


@case("V2")
def v2_not_asked_for() -> Situation:
    """The client names cedar and dogwood; the server staples birch's voucher, good in itself."""
    return refused("not-a-candidate", candidates=(CEDAR, DOGWOOD))


@case("V2", "V6", "T3")
def v2_a_stock_server_staples_everything() -> Situation:
    """The server sends the vouchers of birch, cedar and dogwood; the client asked for dogwood only, and counts it."""
    wanted = of(DOGWOOD)
    return accepted(GOOD, of(CEDAR), wanted, passing=[wanted], candidates=(DOGWOOD,))


@case("V3")
def v3_not_in_the_directory() -> Situation:
    """The client names birch, but its directory, by then newer, has no such entry any more."""
    others = signed(content(*(item for item in ENTRIES if item["name"] != "birch")))
    return refused("untrusted-authority", directory=others)


@case("V3", "O8")
def v3_in_the_name_of_another() -> Situation:
    """Birch's Voucher Authority signs a voucher that says `authority: cedar`.

        voucher { authority = id(cedar) }  signed by  birch VA  issued by  birch root

    V3: the certificate must be issued by the root that the id is derived from.
    """
    return refused("untrusted-authority", voucher(info={"authority": octets(authority_id(CEDAR))}))


@case("V3", "K1")
def v3_sub_ca_between() -> Situation:
    """Birch root -- birch issuing CA -- VA certificate. K1: the root itself issues it."""
    return _untrusted(_authority(BIRCH.voucher_extensions(), parent=BIRCH.issuing))


@case("V3", "K1")
def v3_another_key_under_the_same_name() -> Situation:
    """The issuer has the name of birch's root and another key."""
    false_root = issue("birch root", key("false"), None, ca_extensions(key("false"), None), span=_SPAN)
    return _untrusted(_authority(BIRCH.voucher_extensions(), parent=false_root))


@case("V3")
def v3_another_root_of_the_entry() -> Situation:
    """Birch's entry lists an older root too; the VA certificate is issued by that one.

    V3: only a root whose SPKI hash begins with the VA id may have issued it.
    """
    old = Hierarchy("birch before")
    both = entry(BIRCH, roots=[text(BIRCH.root.der), text(old.root.der)])
    directory = signed(content(both, *(item for item in ENTRIES if item["name"] != "birch")))
    return _untrusted(_authority(BIRCH.voucher_extensions(), parent=old.root), directory=directory)


@case("V3", "I3")
def v3_root_issued_anew() -> Situation:
    """The directory has a new certificate of birch's root, of the same key. I3: the VA id is derived from the key."""
    root_key = BIRCH.root.key
    span = (NOW - HOUR, NOW + 3650 * DAY)
    anew = issue("birch root", root_key, None, ca_extensions(root_key, None), span=span)
    renewed = entry(BIRCH, roots=[text(anew.der)])
    directory = signed(content(renewed, *(item for item in ENTRIES if item["name"] != "birch")))
    return accepted(directory=directory)


@case("V3", "K2")
def k2_a_ca() -> Situation:
    """The VA certificate has everything of its profile, and basicConstraints with CA TRUE. K2: not a CA."""
    ca = (x509.BasicConstraints(ca=True, path_length=None), True)
    return _untrusted(_authority([*BIRCH.voucher_extensions(), ca]))


@case("V3", "K1", "K2")
def k2_the_root_itself() -> Situation:
    """Birch's root key signs the voucher, under the root's own certificate."""
    return refused("untrusted-authority", _signed_by(BIRCH.root, status=ocsp(BIRCH.voucher)))


_PROFILES: dict[str, Extensions] = {
    "purpose not critical": [_USAGE, (_PURPOSE[0], False), _NAMES, _ACCESS],
    "no purpose": [_USAGE, _NAMES, _ACCESS],
    "the purpose of servers": leaf_extensions(
        ExtendedKeyUsageOID.SERVER_AUTH, [_NAME], critical_purpose=True, ocsp_url=_URL
    ),
    "two purposes": [
        _USAGE,
        (x509.ExtendedKeyUsage([VOUCHER_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH]), True),
        _NAMES,
        _ACCESS,
    ],
    "no key usage": [_PURPOSE, _NAMES, _ACCESS],
    "key usage without signatures": [key_usage("key_agreement"), _PURPOSE, _NAMES, _ACCESS],
    "key usage of a CA": [key_usage("digital_signature", "key_cert_sign"), _PURPOSE, _NAMES, _ACCESS],
    "key usage of a CA that signs lists": [key_usage("digital_signature", "crl_sign"), _PURPOSE, _NAMES, _ACCESS],
    "an unknown critical extension": [
        _USAGE,
        _PURPOSE,
        _NAMES,
        _ACCESS,
        (x509.UnrecognizedExtension(x509.ObjectIdentifier(UNKNOWN), b""), True),
    ],
    "no name": [_USAGE, _PURPOSE, _ACCESS],
    "no OCSP URL": [_USAGE, _PURPOSE, _NAMES],
    "a URL of the issuer only": [
        _USAGE,
        _PURPOSE,
        _NAMES,
        (
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(_URL))]
            ),
            False,
        ),
    ],
}


@case("V3", "K2", over=_PROFILES)
def k2_profile(extensions: Extensions) -> Situation:
    """The root issued the VA certificate, but of the profile it has: {}.

    K2: extendedKeyUsage critical with id-kp-voucherSigning alone, keyUsage digitalSignature, an OCSP URL, a host name.
    """
    return _untrusted(_authority(extensions))


_GOOD_PROFILES: dict[str, Extensions] = {
    "basic constraints without CA": [
        _USAGE,
        _PURPOSE,
        _NAMES,
        _ACCESS,
        (x509.BasicConstraints(ca=False, path_length=None), True),
    ],
    "an unknown extension": [
        _USAGE,
        _PURPOSE,
        _NAMES,
        _ACCESS,
        (x509.UnrecognizedExtension(x509.ObjectIdentifier(UNKNOWN), b""), False),
    ],
    "more uses than signing": [key_usage("digital_signature", "key_agreement"), _PURPOSE, _NAMES, _ACCESS],
}


@case("V3", "K2", over=_GOOD_PROFILES)
def k2_good_profile(extensions: Extensions) -> Situation:
    """The VA certificate has {} besides. K2 has nothing against it."""
    return accepted(_signed_by(_authority(extensions)))


@case("V3", "K2")
def k2_serial_number() -> Situation:
    """The serial number of the VA certificate has 22 octets (RFC 5280 section 4.1.2.2: at most 20)."""
    return _untrusted(reissued(BIRCH.voucher, body={"serialNumber": integer(1 << 170)}))


@case("V3", "K1")
def v3_signed_by_another_key() -> Situation:
    """The VA certificate names birch's root as its issuer; cedar's key signed it."""
    return _untrusted(reissued(BIRCH.voucher, by=signer(CEDAR.root)))


_ROOTS = {
    "expired": {"body": {"validity": sequence(utc("250101000000Z"), utc("260301000000Z"))}},
    "no CA": {"extensions": {BASIC_CONSTRAINTS: b""}},
    "without keyCertSign": {"extensions": {KEY_USAGE: b""}},
    "of an unknown critical extension": {"extensions": {UNKNOWN: extension(UNKNOWN, b"", critical=True)}},
}


def _under(*roots: bytes) -> bytes:
    """Return the directory with these roots in birch's entry."""
    listed = entry(BIRCH, roots=[text(root) for root in roots])
    return signed(content(listed, *(item for item in ENTRIES if item["name"] != "birch")))


@case("V3", "D5", over=_ROOTS)
def v3_root_that_is(changes: dict[str, Any]) -> Situation:
    """Birch's root, as the directory lists it, is {}. K1 wants a CA's root."""
    return refused("untrusted-authority", directory=_under(reissued_der(BIRCH.root, **changes)))


@case("V3", "D5")
def v3_second_certificate_of_the_root() -> Situation:
    """Birch's entry lists two certificates of its root key; the first expired, the second is good."""
    expired = reissued_der(BIRCH.root, **_ROOTS["expired"])
    return accepted(directory=_under(expired, BIRCH.root.der))


@case("V3", "K2")
def k2_366_days() -> Situation:
    """The VA certificate is valid for 366 days, the most that K2 allows."""
    return accepted(_signed_by(_authority(BIRCH.voucher_extensions(), (NOW - DAY, NOW + 365 * DAY))))


@case("V3", "K2")
def k2_a_year() -> Situation:
    """The VA certificate is valid for 365 days."""
    return accepted(_signed_by(_authority(BIRCH.voucher_extensions(), (NOW - DAY, NOW + 364 * DAY))))


@case("V3", "K2")
def k2_longer_than_a_year() -> Situation:
    """The VA certificate is valid for 366 days and one second, longer than any year."""
    return _untrusted(_authority(BIRCH.voucher_extensions(), (NOW - DAY, NOW + 365 * DAY + SECOND)))


_SPANS = {
    "begins now": (NOW, NOW + 300 * DAY),
    "ends now": (NOW - 300 * DAY, NOW),
}
_OUTSIDE = {
    "begins in a second": (NOW + SECOND, NOW + 300 * DAY),
    "ended a second ago": (NOW - 300 * DAY, NOW - SECOND),
}


@case("V3", over=_SPANS)
def v3_certificate(span: tuple[datetime, datetime]) -> Situation:
    """The VA certificate's validity {}; both ends are inside it (RFC 5280 section 4.1.2.5)."""
    return accepted(_signed_by(_authority(BIRCH.voucher_extensions(), span)))


@case("V3", over=_OUTSIDE)
def v3_certificate_that(span: tuple[datetime, datetime]) -> Situation:
    """The VA certificate's validity {}."""
    return _untrusted(_authority(BIRCH.voucher_extensions(), span))


@case("V3", "D7")
def v3_distrusted() -> Situation:
    """The directory distrusts birch's root since yesterday."""
    directory = signed(content(*ENTRIES, distrust=[distrust(BIRCH.root, NOW - DAY)]))
    return refused("untrusted-authority", directory=directory)


@case("V4")
def v4_another_key() -> Situation:
    """Cedar's key signed; birch's certificate stands in the voucher."""
    by = signer(BIRCH.voucher)
    return refused("bad-signature", voucher(by=Signer(by.issued, by.algorithm, CEDAR.voucher.key)))


@case("V4")
def v4_content_exchanged() -> Situation:
    """Somebody changed the last digit of the address inside a good voucher."""
    probed, changed = bytes((198, 18, 0, 10)), bytes((198, 18, 0, 11))
    return refused("bad-signature", GOOD.der.replace(probed, changed))


@case("V4", over={"empty": b"", "no DER": b"\0" * 64, "zeros": b"\x30\x06\x02\x01\x00\x02\x01\x00"})
def v4_signature_value(value: bytes) -> Situation:
    """The signature is no ECDSA signature at all: {}."""
    return refused("bad-signature", voucher(changes=Changes(signer_info={"signature": octets(value)})))
