# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4, K7: every way in which the certificates that a server presents may be no path to a root, or are one after all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.certificates import (
    ALTERNATIVE_NAME,
    AUTHORITY_KEY,
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    POLICIES,
    POLICY_CONSTRAINTS,
    SUBJECT_KEY,
    extension,
    reissued,
    reissued_der,
    utc,
)
from tests.conformance.parts.der import (
    Fields,
    boolean,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    printable,
    sequence,
    set_of,
    time,
    unsorted_set_of,
)
from tests.conformance.parts.directories import content, distrust, entry, signed, spki_hash, text
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.rsa import rsa_key, rsa_spki
from tests.conformance.parts.signing import Signer, ecdsa, pkcs1, signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, CEDAR, ENTRIES, HOST, SITE, accepted, listing, of, refused
from tests.pki import DAY, NOW, Hierarchy, Issued, ca_extensions, issue, key, key_usage, leaf_extensions

_ISSUING, _ROOT = ALDER.issuing, ALDER.root
_SPAN = (NOW - DAY, NOW + 1825 * DAY)
_EMPTY_NAME = sequence()
_ELM = Hierarchy("elm")


def _under(issuer: Issued) -> Issued:
    """Return the site's certificate under another certificate of the CA that issued it."""
    return Issued(SITE.certificate, SITE.key, issuer)


def _taken(site: Issued, **changes: Any) -> Situation:
    """Accept this site, for which birch vouches."""
    return accepted(of(BIRCH, site), **{"chain": site.chain_der, **changes})


def _with_issuing(**changes: Any) -> Situation:
    """Refuse the site under a certificate of its CA that is changed, and signed by the root."""
    return refused("untrusted", chain=(SITE.der, reissued_der(_ISSUING, **changes)))


def _usage(*names: str) -> bytes:
    return key_usage(*names)[0].public_bytes()


def _purposes(*names: x509.ObjectIdentifier) -> Fields:
    return {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, x509.ExtendedKeyUsage(names).public_bytes())}


def _constraint(*, permitted: bytes) -> bytes:
    return sequence(implicit(0, sequence(sequence(permitted))))


_CA_BIT = sequence(boolean(value=True))
_WRONG_CAS: dict[str, Fields] = {
    "no basicConstraints": {BASIC_CONSTRAINTS: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
    "basicConstraints that are not critical": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, _CA_BIT)},
    "no keyUsage": {KEY_USAGE: b""},
    "a keyUsage without keyCertSign": {
        KEY_USAGE: extension(KEY_USAGE, _usage("crl_sign", "digital_signature"), critical=True)
    },
    "a critical subjectKeyIdentifier": {SUBJECT_KEY: extension(SUBJECT_KEY, octets(bytes(20)), critical=True)},
    "an authority key identifier without a key": {AUTHORITY_KEY: extension(AUTHORITY_KEY, sequence())},
    "an unknown critical extension": {UNKNOWN: extension(UNKNOWN, b"", critical=True)},
    "critical policyConstraints": {
        POLICY_CONSTRAINTS: extension(POLICY_CONSTRAINTS, sequence(b"\x80\x01\x00"), critical=True)
    },
    "the purpose of clients": _purposes(ExtendedKeyUsageOID.CLIENT_AUTH),
    "the purpose of OCSP responders": _purposes(ExtendedKeyUsageOID.OCSP_SIGNING),
}


@case("C4", over=_WRONG_CAS)
def c4_ca_with(extensions: Fields) -> Situation:
    """The certificate of alder's issuing CA has {}; the root signed it all the same."""
    return _with_issuing(extensions=extensions)


_GOOD_CAS: dict[str, Fields] = {
    "the purpose of servers": _purposes(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    "any purpose": _purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "no subjectKeyIdentifier": {SUBJECT_KEY: b""},
    "an unknown extension": {UNKNOWN: extension(UNKNOWN, b"")},
    "policies that are not critical": {POLICIES: extension(POLICIES, sequence(sequence(oid("2.23.140.1.2.1"))))},
    "critical constraints on other names": {
        NAME_CONSTRAINTS: extension(NAME_CONSTRAINTS, _constraint(permitted=b"\x82\x0cexample.test"), critical=True)
    },
}


@case("C4", over=_GOOD_CAS)
def c4_good_ca_with(extensions: Fields) -> Situation:
    """The certificate of alder's issuing CA has {}. A path may go through it."""
    return _taken(_under(reissued(_ISSUING, extensions=extensions)))


def _until(begin: datetime, end: datetime) -> Fields:
    return {"validity": sequence(*(utc(moment.strftime("%y%m%d%H%M%SZ")) for moment in (begin, end)))}


_WRONG_BODIES: dict[str, Fields] = {
    "expired yesterday": _until(NOW - 30 * DAY, NOW - DAY),
    "begins tomorrow": _until(NOW + DAY, NOW + 30 * DAY),
    "has no name": {"subject": _EMPTY_NAME},
    "names another issuer": {"issuer": CEDAR.root.certificate.subject.public_bytes()},
    "is of version 1": {"version": b"", "extensions": b""},
    "has a serial number of 22 octets": {"serialNumber": integer(1 << 170)},
}


@case("C4", over=_WRONG_BODIES)
def c4_ca_that(body: Fields) -> Situation:
    """The certificate of alder's issuing CA {}; the root signed it all the same."""
    return _with_issuing(body=body)


@case("C4", over={"20": (1 << 159) - 1, "20 and a sign": (1 << 160) - 1})
def c4_serial_number_of_octets(number: int) -> Situation:
    """The serial number of the end entity has {} octets, the most of RFC 5280 section 4.1.2.2."""
    return _taken(reissued(SITE, body={"serialNumber": integer(number)}))


@case("C4")
def c4_ca_signed_by_another_key() -> Situation:
    """The certificate of alder's issuing CA has the root's name as issuer, and cedar's key signed it."""
    return _with_issuing(by=signer(CEDAR.root))


@case("C4")
def c4_server_signed_by_another_key() -> Situation:
    """The end entity has the issuing CA's name as issuer, and the attacker's key signed it."""
    false = Issued(_ISSUING.certificate, key("attacker"), _ROOT)
    return refused("untrusted", chain=(reissued_der(SITE, by=signer(false)), _ISSUING.der))


@case("C4")
def c4_server_of_another_name() -> Situation:
    """The issuing CA's key signed the end entity, which names cedar's issuing CA as its issuer."""
    body = {"issuer": CEDAR.issuing.certificate.subject.public_bytes()}
    return refused("untrusted", chain=(reissued_der(SITE, body=body), _ISSUING.der))


@case("C4", over={"end entity": SITE, "issuing CA": _ISSUING})
def c4_algorithm_inside_of(subject: Issued) -> Situation:
    """Outside, the signature of the {} is ECDSA with SHA-256, as it is; inside it says SHA-384 (RFC 5280, 4.1.1.2)."""
    changed = reissued_der(subject, body={"signature": ecdsa("sha384").identifier})
    return refused("untrusted", chain=(changed, _ISSUING.der) if subject is SITE else (SITE.der, changed))


@case("C4")
def c4_algorithm_outside() -> Situation:
    """Inside, the signature of the end entity is ECDSA with SHA-256, as it is; outside it says SHA-384."""
    changed = reissued_der(SITE, outer={"signatureAlgorithm": ecdsa("sha384").identifier})
    return refused("untrusted", chain=(changed, _ISSUING.der))


@case("C4", "K3")
def c4_signed_with_sha1() -> Situation:
    """The issuing CA signed the end entity with ECDSA and SHA-1, and says so in both places."""
    old = Signer(_ISSUING, ecdsa("sha1"))
    changed = reissued_der(SITE, body={"signature": old.algorithm.identifier}, by=old)
    return refused("untrusted", chain=(changed, _ISSUING.der))


_AUTHORITY_KEY = next(
    item.value.public_bytes() for item in SITE.certificate.extensions if item.oid.dotted_string == AUTHORITY_KEY
)
_ANOTHER = x509.SubjectAlternativeName([x509.DNSName(HOST)]).public_bytes()
_WRONG_SERVERS: dict[str, Fields] = {
    "CA TRUE": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, _CA_BIT, critical=True)},
    "keyCertSign": {KEY_USAGE: extension(KEY_USAGE, _usage("digital_signature", "key_cert_sign"), critical=True)},
    "name constraints": {NAME_CONSTRAINTS: extension(NAME_CONSTRAINTS, _constraint(permitted=b"\x82\x04test"))},
    "no authority key identifier": {AUTHORITY_KEY: b""},
    "any purpose": _purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "no name but its subject": {ALTERNATIVE_NAME: b""},
    "critical policies": {POLICIES: extension(POLICIES, sequence(sequence(oid("2.23.140.1.2.1"))), critical=True)},
    "an unknown critical extension": {UNKNOWN: extension(UNKNOWN, b"", critical=True)},
    "an extension twice": {UNKNOWN: extension(AUTHORITY_KEY, _AUTHORITY_KEY)},
    "critical FALSE written": {
        SUBJECT_KEY: sequence(oid(SUBJECT_KEY), boolean(value=False), octets(octets(bytes(20))))
    },
    "critical names beside a subject": {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, _ANOTHER, critical=True)},
}


@case("C4", over=_WRONG_SERVERS)
def c4_server_with(extensions: Fields) -> Situation:
    """The end entity has {}; its CA signed it all the same."""
    return refused("untrusted", chain=(reissued_der(SITE, extensions=extensions), _ISSUING.der))


_GOOD_SERVERS: dict[str, Fields] = {
    "no purpose": {EXTENDED_KEY_USAGE: b""},
    "two purposes": _purposes(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    "a critical purpose": {
        EXTENDED_KEY_USAGE: extension(
            EXTENDED_KEY_USAGE, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]).public_bytes(), critical=True
        )
    },
    "no keyUsage": {KEY_USAGE: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
    "an unknown extension": {UNKNOWN: extension(UNKNOWN, b"")},
}


@case("C4", over=_GOOD_SERVERS)
def c4_good_server_with(extensions: Fields) -> Situation:
    """The end entity has {}. That keeps it from nothing."""
    return _taken(reissued(SITE, extensions=extensions))


_OTHER_SERVERS: dict[str, Fields] = {
    "is of version 1": {"version": b"", "extensions": b""},
    "is of version 2": {"version": explicit(0, integer(1))},
    "has a negative serial number": {"serialNumber": integer(-5)},
    "has a serial number of 22 octets": {"serialNumber": integer(1 << 170)},
    "writes a year before 2050 in four digits": {"validity": sequence(time(NOW - DAY), time(NOW + DAY))},
    "has no subject and names that are not critical": {"subject": _EMPTY_NAME},
}


@case("C4", over=_OTHER_SERVERS)
def c4_server_that(body: Fields) -> Situation:
    """The end entity {}; its CA signed it all the same."""
    return refused("untrusted", chain=(reissued_der(SITE, body=body), _ISSUING.der))


@case("C4")
def c4_no_subject_and_critical_names() -> Situation:
    """The end entity has no subject, and its alternative names are critical (RFC 5280 section 4.1.2.6)."""
    names = {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, _ANOTHER, critical=True)}
    return _taken(reissued(SITE, body={"subject": _EMPTY_NAME}, extensions=names))


@case("C4")
def c4_empty_issuer() -> Situation:
    """The issuing CA has no name, and so has the end entity no issuer."""
    nameless = reissued(_ISSUING, body={"subject": _EMPTY_NAME})
    site = reissued_der(SITE, body={"issuer": _EMPTY_NAME})
    return refused("untrusted", chain=(site, nameless.der))


def _lower(length: int | None, *, path_length: int | None = 0) -> Issued:
    """Return a site whose CA stands under another, which allows so many below it."""
    return ALDER.server(
        HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", _ROOT, length), path_length)
    )


@case("C4", over={"0": 0, "1": 1, "none": None})
def c4_path_length(length: int | None) -> Situation:
    """Alder root -- upper CA, path length {} -- lower CA -- server."""
    site = _lower(length)
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der) if length == 0 else _taken(site)


@case("C4")
def c4_path_length_of_three() -> Situation:
    """Alder root -- top CA, path length 1 -- upper CA -- lower CA -- server: two CAs stand below the top one."""
    top = ALDER.subordinate("top CA", _ROOT, 1)
    site = ALDER.server(HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", top, None)))
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der)


@case("C4")
def c4_path_length_and_a_new_key() -> Situation:
    """The issuing CA, path length 0, certified its own new key.

        alder root -- issuing CA, path length 0 -- issuing CA, new key -- server

    C4: every CA counts, a self-issued one too, which RFC 5280 section 4.2.1.9 would leave out.
    """
    new = key("alder issuing CA, new")
    anew = issue("alder issuing CA", new, _ISSUING, ca_extensions(new, 0), span=_SPAN)
    site = ALDER.server(HOST, parent=anew)
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der, directory=listing(new))


def _deep(count: int) -> Issued:
    """Return a site with this many intermediates."""
    above = _ROOT
    for number in range(count):
        above = ALDER.subordinate(f"CA {number}", above, None)
    return ALDER.server(HOST, parent=above)


@case("C4", "O9")
def c4_eight_intermediates() -> Situation:
    """Eight CAs stand between root and server, the most that a voucher can name."""
    return _taken(_deep(8))


@case("C4", "O9")
def c4_nine_intermediates() -> Situation:
    """Nine CAs stand between root and server. Nobody could vouch for all of them: `untrusted`."""
    return refused("untrusted", chain=_deep(9).chain_der)


@case("C4", over={"ten": 8, "eleven": 9})
def c4_certificates(strangers: int) -> Situation:
    """The server presents {} certificates, of which its path needs two. C4: ten at most."""
    chain = (*SITE.chain_der, *[CEDAR.root.der] * strangers)
    return accepted(chain=chain) if strangers == 8 else refused("untrusted", chain=chain)


@case("C4", "V8")
def c4_any_order() -> Situation:
    """Alder root -- upper CA -- lower CA -- server; upper comes before lower, and a stranger's root before both."""
    site = _lower(None)
    first, *others = site.chain_der
    return _taken(site, chain=(first, CEDAR.root.der, *reversed(others)))


@case("C4", "V8")
def c4_cross_sign_unneeded() -> Situation:
    """Cedar cross-signed alder's root; the server presents that too, and birch's voucher does not name it.

    Roots of the directory are tried before what was presented: the path ends at alder's root itself.
    """
    return accepted(chain=(*SITE.chain_der, CEDAR.cross_sign(ALDER).der))


@case("C4", "V8")
def c4_cross_sign_needed() -> Situation:
    """The directory has alder's keys without its root: the path goes over cedar's certificate, for vouchers to name."""
    keys = [spki_hash(CEDAR.issuing), spki_hash(_ROOT), spki_hash(_ISSUING)]
    directory = signed(content(ENTRIES[1], entry(CEDAR, subordinates=keys), ENTRIES[3]))
    chain = (*SITE.chain_der, CEDAR.cross_sign(ALDER).der)
    return refused("intermediates-mismatch", chain=chain, directory=directory)


@case("C4", "V8")
def c4_first_of_two() -> Situation:
    """The server presents two good certificates of its issuing CA; the voucher names the first, tried first."""
    anew = reissued(_ISSUING, body={"serialNumber": integer(4711)})
    return accepted(chain=(*SITE.chain_der, anew.der))


@case("C4", "V8")
def c4_a_way_that_ends_nowhere() -> Situation:
    """The first certificate of the issuing CA was issued by a root that nobody lists, the second by alder's."""
    elsewhere = reissued(_ISSUING, body={"issuer": _ELM.root.certificate.subject.public_bytes()}, by=signer(_ELM.root))
    return accepted(chain=(SITE.der, elsewhere.der, _ISSUING.der))


@case("C4", "V8")
def c4_a_way_that_expired() -> Situation:
    """The first certificate of the issuing CA expired yesterday, the second is good."""
    expired = reissued(_ISSUING, body=_until(NOW - 30 * DAY, NOW - DAY))
    return accepted(chain=(SITE.der, expired.der, _ISSUING.der))


@case("C4", "D5")
def c4_second_root_of_an_entry() -> Situation:
    """Alder's entry lists a root of another kind first; the chain leads to the second."""
    listed = entry(ALDER, roots=[text(_ELM.root.der), text(_ROOT.der)])
    return accepted(directory=signed(content(listed, *ENTRIES[1:])))


@case("C4", "O9", "V8")
def c4_issued_by_the_root() -> Situation:
    """The root itself issued the server's certificate: a voucher names no intermediate."""
    return _taken(ALDER.server(HOST, parent=_ROOT))


_WRONG_ROOTS: dict[str, Any] = {
    "expired": {"body": _until(NOW - 30 * DAY, NOW - DAY)},
    "no CA": {"extensions": {BASIC_CONSTRAINTS: b""}},
    "without keyCertSign": {"extensions": {KEY_USAGE: extension(KEY_USAGE, _usage("crl_sign"), critical=True)}},
}


@case("C4", "D5", over=_WRONG_ROOTS)
def c4_root(changes: Mapping[str, Fields]) -> Situation:
    """The root that alder's entry lists is {}: nothing validates under it."""
    listed = entry(ALDER, roots=[text(reissued_der(_ROOT, **changes))])
    return refused("untrusted", directory=signed(content(listed, *ENTRIES[1:])))


@case("C4")
def c4_root_of_the_last_century() -> Situation:
    """Alder's root is valid since 1999: two digits from 50 on are of that century (RFC 5280 section 4.1.2.5.1)."""
    old = reissued_der(_ROOT, body={"validity": sequence(utc("990101000000Z"), utc("360101000000Z"))})
    return accepted(directory=signed(content(entry(ALDER, roots=[text(old)]), *ENTRIES[1:])))


@case("C4", "D7")
def c4_distrusted_stranger() -> Situation:
    """The server presents cedar's issuing CA too, which the directory distrusts; its path does not go there."""
    directory = signed(content(*ENTRIES, distrust=[distrust(CEDAR.issuing, NOW - DAY)]))
    return accepted(directory=directory, chain=(*SITE.chain_der, CEDAR.issuing.der))


@case("C4", "D7")
def c4_second_distrust_entry() -> Situation:
    """The directory distrusts cedar, and alder's issuing CA besides."""
    entries = [distrust(CEDAR.root, NOW - DAY), distrust(_ISSUING, NOW - DAY)]
    return refused("distrusted", directory=signed(content(*ENTRIES, distrust=entries)))


_WEAK = {"RSA of 1024 bits": rsa_key(1024), "RSA of 2047 bits": rsa_key(2047)}


@case("K7", "C4", over=_WEAK)
def k7_ca_key(weak: rsa.RSAPrivateKey) -> Situation:
    """The issuing CA has a key of {}."""
    ca = issue("alder old CA", weak, _ROOT, ca_extensions(weak, 0), span=_SPAN)
    algorithm = pkcs1("sha256")
    parent = Signer(ca, algorithm)
    body = {"issuer": ca.certificate.subject.public_bytes(), "signature": algorithm.identifier}
    return refused("untrusted", chain=(reissued_der(SITE, body=body, by=parent), ca.der), directory=listing(weak))


@case("K7", "C4")
def k7_ca_of_rsa() -> Situation:
    """The issuing CA has an RSA key of 2048 bits and signed the end entity by PKCS #1."""
    rsa_ca = issue("alder RSA CA", rsa_key(2048), _ROOT, ca_extensions(rsa_key(2048), 0), span=_SPAN)
    extensions = leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST])
    site = issue(HOST, key(HOST), rsa_ca, extensions, span=(NOW - DAY, NOW + DAY))
    return _taken(site, directory=listing(rsa_ca.key))


_ODD = (1 << 2048) - 1
_NUMBERS = {
    "modulus of 16384 bits": ((1 << 16_384) - 1, 65537, True),
    "modulus of 16385 bits": ((1 << 16_385) - 1, 65537, False),
    "modulus that is even": (_ODD - 1, 65537, False),
    "exponent of 64 bits": (_ODD, (1 << 64) - 1, True),
    "exponent of 65 bits": (_ODD, (1 << 65) - 1, False),
    "exponent of 2048 bits": (_ODD, _ODD - 2, False),
    "exponent that is even": (_ODD, 65536, False),
    "exponent of 1": (_ODD, 1, False),
    "exponent of 3": (_ODD, 3, True),
}


@case("K7", "C4", over=_NUMBERS)
def k7_stranger_with_a(numbers: tuple[int, int, bool]) -> Situation:
    """The server presents a stranger's certificate too, whose RSA key has a {}. K7: what costs too much is not read."""
    n, e, read = numbers
    chain = (*SITE.chain_der, reissued_der(CEDAR.root, body={"subjectPublicKeyInfo": rsa_spki(n, e)}))
    return accepted(chain=chain) if read else refused("untrusted", chain=chain)


@case("K7", "C4", over={"65 bits": (1 << 65) - 1, "1": 1})
def k7_server_with_an_exponent_of(e: int) -> Situation:
    """The end entity itself has an RSA key of 2048 bits with an exponent of {}."""
    return refused(
        "untrusted", chain=(reissued_der(SITE, body={"subjectPublicKeyInfo": rsa_spki(_ODD, e)}), _ISSUING.der)
    )


@case("K7", "C4", over={"65 bits": (1 << 65) - 1, "1": 1})
def k7_issuer_with_an_exponent_of(e: int) -> Situation:
    """The issuing CA's certificate has an RSA key of 2048 bits with an exponent of {}; with 1 all would verify."""
    return _with_issuing(body={"subjectPublicKeyInfo": rsa_spki(_ODD, e)})


_UTF8_NAME = b"\x0c\x05cedar"


def _name(*values: bytes, order: Any = set_of) -> bytes:
    """Return a Name of one RelativeDistinguishedName."""
    return sequence(order(*(sequence(oid(f"2.5.4.{3 + place}"), value) for place, value in enumerate(values))))


_UNREADABLE: dict[str, bytes] = {
    "text": b"a certificate",
    "cut short": CEDAR.root.der[:-1],
    "followed by an octet": CEDAR.root.der + b"\0",
    "numbered by nothing": reissued_der(CEDAR.root, body={"serialNumber": b"\x02\x00"}),
    "numbered 02 02 FF 80": reissued_der(CEDAR.root, body={"serialNumber": b"\x02\x02\xff\x80"}),
    "numbered 02 02 00 7F": reissued_der(CEDAR.root, body={"serialNumber": b"\x02\x02\x00\x7f"}),
    "named by a string in pieces": reissued_der(CEDAR.root, body={"subject": _name(b"\x2c\x07" + _UTF8_NAME)}),
    "named by a set out of order": reissued_der(
        CEDAR.root,
        body={
            "subject": _name(
                _UTF8_NAME[::1], printable("cedar"), order=lambda *all_: unsorted_set_of(*sorted(all_, reverse=True))
            )
        },
    ),
    "named by a primitive set": reissued_der(
        CEDAR.root, body={"subject": sequence(b"\x11" + set_of(sequence(oid("2.5.4.3"), _UTF8_NAME))[1:])}
    ),
    "signed by bits without their first octet": reissued_der(CEDAR.root, outer={"signature": b"\x03\x00"}),
}


@case("C4", "I6", over=_UNREADABLE)
def c4_stranger(octets_: bytes) -> Situation:
    """A third certificate, which the path does not need, is {}. Nothing of what is presented is passed over (V6)."""
    return refused("untrusted", chain=(*SITE.chain_der, octets_))


_NAMED = b"\x82\x05a.net"
_MISTYPED: dict[str, tuple[str, bytes]] = {
    "a path length and no CA": (BASIC_CONSTRAINTS, sequence(integer(0))),
    "a negative path length": (BASIC_CONSTRAINTS, sequence(boolean(value=True), integer(-1))),
    "basicConstraints of an INTEGER": (BASIC_CONSTRAINTS, integer(1)),
    "keyUsage of an INTEGER": (KEY_USAGE, integer(1)),
    "a purpose that is a text": (EXTENDED_KEY_USAGE, sequence(octets(b"server"))),
    "an address of five octets": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x87\x05abcde")),
    "a DNS name above ASCII": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x82\x02\xff\xff")),
    "a mail address above ASCII": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x81\x02\xff\xff")),
    "a name of no kind": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x8c\x02ab")),
    "name constraints of nothing": (NAME_CONSTRAINTS, sequence()),
    "name constraints of an empty list": (NAME_CONSTRAINTS, sequence(implicit(0, sequence()))),
}


@case("C4", "I6", over=_MISTYPED)
def c4_stranger_with(choice: tuple[str, bytes]) -> Situation:
    """A third certificate, which the path does not need, has {}. It cannot be read (section 12.5)."""
    dotted, value = choice
    stranger = reissued_der(CEDAR.root, extensions={dotted: extension(dotted, value)})
    return refused("untrusted", chain=(*SITE.chain_der, stranger))
