# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4: what a CA and a server have in their certificates, and who signed them."""

from cryptography import x509
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
    until,
    usage,
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
    time,
)
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    CEDAR,
    HOST,
    SITE,
    refused,
    taken,
    with_issuing,
)
from tests.pki import DAY, NOW, Issued, key

_ISSUING, _ROOT = ALDER.issuing, ALDER.root
_EMPTY_NAME = sequence()


def _under(issuer: Issued) -> Issued:
    """Return the site's certificate under another certificate of the CA that issued it."""
    return Issued(SITE.certificate, SITE.key, issuer)


def _purposes(*names: x509.ObjectIdentifier) -> Fields:
    return {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, x509.ExtendedKeyUsage(names).public_bytes())}


def _constraint(*, permitted: bytes) -> bytes:
    return sequence(implicit(0, sequence(sequence(permitted))))


_AUTHORITY_KEY = next(
    item.value.public_bytes() for item in SITE.certificate.extensions if item.oid.dotted_string == AUTHORITY_KEY
)
_ANOTHER = x509.SubjectAlternativeName([x509.DNSName(HOST)]).public_bytes()
_CA_BIT = sequence(boolean(value=True))
_WRONG_CAS: dict[str, Fields] = {
    "no basicConstraints": {BASIC_CONSTRAINTS: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
    "basicConstraints that are not critical": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, _CA_BIT)},
    "no keyUsage": {KEY_USAGE: b""},
    "a keyUsage without keyCertSign": {
        KEY_USAGE: extension(KEY_USAGE, usage("crl_sign", "digital_signature"), critical=True)
    },
    "a critical subjectKeyIdentifier": {SUBJECT_KEY: extension(SUBJECT_KEY, octets(bytes(20)), critical=True)},
    "a critical authority key identifier": {AUTHORITY_KEY: extension(AUTHORITY_KEY, _AUTHORITY_KEY, critical=True)},
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
    return with_issuing(extensions=extensions)


_GOOD_CAS: dict[str, Fields] = {
    "the purpose of servers": _purposes(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    "any purpose": _purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "no subjectKeyIdentifier": {SUBJECT_KEY: b""},
    "an unknown extension": {UNKNOWN: extension(UNKNOWN, b"")},
    "policies that are not critical": {POLICIES: extension(POLICIES, sequence(sequence(oid("2.23.140.1.2.1"))))},
    "critical alternative names": {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, _ANOTHER, critical=True)},
    "critical constraints on other names": {
        NAME_CONSTRAINTS: extension(NAME_CONSTRAINTS, _constraint(permitted=b"\x82\x0cexample.test"), critical=True)
    },
}


@case("C4", over=_GOOD_CAS)
def c4_good_ca_with(extensions: Fields) -> Situation:
    """The certificate of alder's issuing CA has {}. A path may go through it."""
    return taken(_under(reissued(_ISSUING, extensions=extensions)))


_WRONG_BODIES: dict[str, Fields] = {
    "expired yesterday": until(NOW - 30 * DAY, NOW - DAY),
    "begins tomorrow": until(NOW + DAY, NOW + 30 * DAY),
    "has no name": {"subject": _EMPTY_NAME},
    "names another issuer": {"issuer": CEDAR.root.certificate.subject.public_bytes()},
    "is of version 1": {"version": b"", "extensions": b""},
    "is of version 1 and has extensions": {"version": b""},
    "has a serial number of 22 octets": {"serialNumber": integer(1 << 170)},
}


@case("C4", over=_WRONG_BODIES)
def c4_ca_that(body: Fields) -> Situation:
    """The certificate of alder's issuing CA {}; the root signed it all the same."""
    return with_issuing(body=body)


@case("C4", over={"20": (1 << 159) - 1, "20 and a sign": (1 << 160) - 1})
def c4_serial_number_of_octets(number: int) -> Situation:
    """The serial number of the end entity has {} octets, the most of RFC 5280 section 4.1.2.2."""
    return taken(reissued(SITE, body={"serialNumber": integer(number)}))


@case("C4")
def c4_ca_signed_by_another_key() -> Situation:
    """The certificate of alder's issuing CA has the root's name as issuer, and cedar's key signed it."""
    return with_issuing(by=signer(CEDAR.root))


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


def _beside_its_name(other: bytes) -> bytes:
    """Return subjectAltName of the site's name and another one."""
    return extension(ALTERNATIVE_NAME, sequence(implicit(2, octets(HOST.encode())), other))


_WRONG_SERVERS: dict[str, Fields] = {
    "CA TRUE": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, _CA_BIT, critical=True)},
    "keyCertSign": {KEY_USAGE: extension(KEY_USAGE, usage("digital_signature", "key_cert_sign"), critical=True)},
    "name constraints": {NAME_CONSTRAINTS: extension(NAME_CONSTRAINTS, _constraint(permitted=b"\x82\x04test"))},
    "no authority key identifier": {AUTHORITY_KEY: b""},
    "a critical authority key identifier": {AUTHORITY_KEY: extension(AUTHORITY_KEY, _AUTHORITY_KEY, critical=True)},
    "any purpose": _purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "no name but its subject": {ALTERNATIVE_NAME: b""},
    "critical policies": {POLICIES: extension(POLICIES, sequence(sequence(oid("2.23.140.1.2.1"))), critical=True)},
    "an unknown critical extension": {UNKNOWN: extension(UNKNOWN, b"", critical=True)},
    "an extension twice": {UNKNOWN: extension(AUTHORITY_KEY, _AUTHORITY_KEY)},
    "critical FALSE written": {
        SUBJECT_KEY: sequence(oid(SUBJECT_KEY), boolean(value=False), octets(octets(bytes(20))))
    },
    "an x400Address beside its name": {ALTERNATIVE_NAME: _beside_its_name(implicit(3, sequence()))},
    "an ediPartyName beside its name": {ALTERNATIVE_NAME: _beside_its_name(explicit(5, explicit(1, printable("a"))))},
    "critical names beside a subject": {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, _ANOTHER, critical=True)},
}


@case("C4", over=_WRONG_SERVERS)
def c4_server_with(extensions: Fields) -> Situation:
    """The end entity has {}; its CA signed it all the same."""
    return refused("untrusted", chain=(reissued_der(SITE, extensions=extensions), _ISSUING.der))


_GOOD_SERVERS: dict[str, Fields] = {
    "a directoryName beside its name": {
        ALTERNATIVE_NAME: _beside_its_name(explicit(4, CEDAR.root.certificate.subject.public_bytes()))
    },
    "no purpose": {EXTENDED_KEY_USAGE: b""},
    "two purposes": _purposes(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    "a critical purpose": {
        EXTENDED_KEY_USAGE: extension(
            EXTENDED_KEY_USAGE, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]).public_bytes(), critical=True
        )
    },
    "a critical subjectKeyIdentifier": {SUBJECT_KEY: extension(SUBJECT_KEY, octets(bytes(20)), critical=True)},
    "no keyUsage": {KEY_USAGE: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
    "an unknown extension": {UNKNOWN: extension(UNKNOWN, b"")},
}


@case("C4", over=_GOOD_SERVERS)
def c4_good_server_with(extensions: Fields) -> Situation:
    """The end entity has {}. That keeps it from nothing."""
    return taken(reissued(SITE, extensions=extensions))


_OTHER_SERVERS: dict[str, Fields] = {
    "is of version 1": {"version": b"", "extensions": b""},
    "is of version 1 and has extensions": {"version": b""},
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
    return taken(reissued(SITE, body={"subject": _EMPTY_NAME}, extensions=names))


@case("C4")
def c4_empty_issuer() -> Situation:
    """The issuing CA has no name, and so has the end entity no issuer."""
    nameless = reissued(_ISSUING, body={"subject": _EMPTY_NAME})
    site = reissued_der(SITE, body={"issuer": _EMPTY_NAME})
    return refused("untrusted", chain=(site, nameless.der))
