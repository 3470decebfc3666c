# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4, I6: certificates that nobody needs, and nobody can read."""

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.parts.certificates import (
    ACCESS,
    ALTERNATIVE_NAME,
    AUTHORITY_KEY,
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    SUBJECT_KEY,
    extension,
    reissued_der,
)
from tests.conformance.parts.der import (
    NULL,
    Fields,
    bits,
    boolean,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    printable,
    sequence,
    set_of,
    unsorted_set_of,
)
from tests.conformance.registry import Situation, case
from tests.conformance.stage import CEDAR, SITE, accepted, refused

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


def _constrained(*subtree: bytes) -> tuple[str, bytes]:
    return NAME_CONSTRAINTS, sequence(implicit(0, sequence(sequence(*subtree))))


_MISTYPED: dict[str, tuple[str, bytes]] = {
    "a path length and no CA": (BASIC_CONSTRAINTS, sequence(integer(0))),
    "a negative path length": (BASIC_CONSTRAINTS, sequence(boolean(value=True), integer(-1))),
    "basicConstraints of an INTEGER": (BASIC_CONSTRAINTS, integer(1)),
    "keyUsage of an INTEGER": (KEY_USAGE, integer(1)),
    "a purpose that is a text": (EXTENDED_KEY_USAGE, sequence(octets(b"server"))),
    "an address of five octets": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x87\x05abcde")),
    "a DNS name above ASCII": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x82\x02\xff\xff")),
    "a mail address above ASCII": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x81\x02\xff\xff")),
    "a directory name in pieces": (ALTERNATIVE_NAME, sequence(explicit(4, _name(b"\x2c\x07" + _UTF8_NAME)))),
    "a directory name of a primitive set": (
        ALTERNATIVE_NAME,
        sequence(explicit(4, sequence(b"\x11" + set_of(sequence(oid("2.5.4.3"), _UTF8_NAME))[1:]))),
    ),
    "a name of no kind": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x8c\x02ab")),
    "name constraints of nothing": (NAME_CONSTRAINTS, sequence()),
    "name constraints of an empty list": (NAME_CONSTRAINTS, sequence(implicit(0, sequence()))),
    "a constraint on an address without a mask": _constrained(b"\x87\x04\x0a\0\0\0"),
    "a constraint on addresses whose mask has holes": _constrained(b"\x87\x08\x0a\0\0\0\xff\0\xff\0"),
    "a constraint on an x400 address": _constrained(b"\xa3\x02\x30\0"),
    "a constraint with a minimum of 0": _constrained(_NAMED, b"\x80\x01\0"),
    "CA FALSE written": (BASIC_CONSTRAINTS, sequence(boolean(value=False))),
    "a registered name that is cut": (ALTERNATIVE_NAME, sequence(_NAMED, b"\x88\x02\x2a\x83")),
    "an issuer without its serial number": (AUTHORITY_KEY, sequence(b"\x80\x01a", b"\xa1\x07" + _NAMED)),
}


@case("C4", "I6", over=_MISTYPED)
def c4_stranger_with(choice: tuple[str, bytes]) -> Situation:
    """A third certificate, which the path does not need, has {}. It cannot be read (section 12.5)."""
    dotted, value = choice
    stranger = reissued_der(CEDAR.root, extensions={dotted: extension(dotted, value)})
    return refused("untrusted", chain=(*SITE.chain_der, stranger))


_OCSP_METHOD, _PLACE = oid("1.3.6.1.5.5.7.48.1"), b"\x86\x03a:b"
_EC, _CURVE, _ECDSA = oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"), oid("1.2.840.10045.4.3.2")
_RSA, _NUMBERS = oid("1.2.840.113549.1.1.1"), sequence(integer((1 << 2047) + 1), integer(65537))
_PKCS1, _PSS = oid("1.2.840.113549.1.1.11"), oid("1.2.840.113549.1.1.10")
_TEXT = sequence(oid("2.5.4.3"), _UTF8_NAME)


def _accessible(*description: bytes) -> dict[str, Fields]:
    return {"extensions": {ACCESS: extension(ACCESS, sequence(sequence(*description)))}}


def _keyed(*algorithm: bytes, form: PublicFormat = PublicFormat.UncompressedPoint) -> dict[str, Fields]:
    point = CEDAR.root.certificate.public_key().public_bytes(Encoding.X962, form)
    return {"body": {"subjectPublicKeyInfo": sequence(sequence(*algorithm), bits(point))}}


def _identified(value: bytes) -> dict[str, Fields]:
    return {"extensions": {AUTHORITY_KEY: extension(AUTHORITY_KEY, value)}}


_OF_ANOTHER_STRUCTURE: dict[str, dict[str, Fields]] = {
    "authorityInfoAccess of nothing": {"extensions": {ACCESS: extension(ACCESS, sequence())}},
    "a responder without a place": _accessible(_OCSP_METHOD),
    "a responder with two places": _accessible(_OCSP_METHOD, _PLACE, _PLACE),
    "a responder whose place is a text": _accessible(_OCSP_METHOD, _UTF8_NAME),
    "an issuer's key named twice": _identified(sequence(b"\x80\x01a", b"\x80\x01a")),
    "an issuer's key named by a SET": _identified(set_of(b"\x80\x01a")),
    "a key's algorithm with two parameters": _keyed(_EC, _CURVE, _CURVE),
    "a compressed point for a key": _keyed(_EC, _CURVE, form=PublicFormat.CompressedPoint),
    "a key's algorithm of nothing": _keyed(),
    "a signature algorithm of nothing": {"outer": {"signatureAlgorithm": sequence()}},
    "a signature algorithm of nothing inside": {"body": {"signature": sequence()}},
    "a signature algorithm with two parameters": {"outer": {"signatureAlgorithm": sequence(_ECDSA, NULL, NULL)}},
    "an RSA key without NULL": {"body": {"subjectPublicKeyInfo": sequence(sequence(_RSA), bits(_NUMBERS))}},
    "a key's name in bits": {"extensions": {SUBJECT_KEY: extension(SUBJECT_KEY, bits(b"a"))}},
    "an ECDSA algorithm with a curve": {"outer": {"signatureAlgorithm": sequence(_ECDSA, _CURVE)}},
    "version 1 written": {"body": {"version": explicit(0, integer(0))}},
    "decipherOnly without keyAgreement": {"extensions": {KEY_USAGE: extension(KEY_USAGE, b"\x03\x03\x07\x80\x80")}},
    "encipherOnly without keyAgreement": {"extensions": {KEY_USAGE: extension(KEY_USAGE, bits(b"\x81"))}},
    "an ECDSA algorithm with NULL": {"outer": {"signatureAlgorithm": sequence(_ECDSA, NULL)}},
    "an RSA signature with an OCTET STRING": {"outer": {"signatureAlgorithm": sequence(_PKCS1, octets(b""))}},
    "a PSS signature with NULL": {"outer": {"signatureAlgorithm": sequence(_PSS, NULL)}},
    "an empty list of extensions": {"body": {"extensions": explicit(3, sequence())}},
    "a name of a SET of nothing": {"body": {"subject": sequence(set_of())}},
    "a name of a SEQUENCE": {"body": {"subject": sequence(sequence(_TEXT))}},
    "a name that says one thing twice": {"body": {"subject": sequence(set_of(_TEXT, _TEXT))}},
    "a name that is a number": {"body": {"subject": _name(integer(1))}},
    "a TeletexString that is no UTF-8": {"body": {"subject": _name(b"\x14\x02a\xe9")}},
    "a BMPString of three octets": {"body": {"subject": _name(b"\x1e\x03abc")}},
    "a name in a tag of its own": {"body": {"subject": _name(explicit(0, _UTF8_NAME))}},
}


@case("C4", "I6", over=_OF_ANOTHER_STRUCTURE)
def c4_stranger_of_another_structure(changes: dict[str, Fields]) -> Situation:
    """The server presents one more certificate, which nobody needs, with {}. RFC 5280 has it otherwise (12.5)."""
    return refused("untrusted", chain=(*SITE.chain_der, reissued_der(CEDAR.root, **changes)))


_NAMED_ODDLY = {
    "a BMPString": b"\x1e\x04\0a\0b",
    "a UniversalString": b"\x1c\x04\0\0\0a",
    "a TeletexString": b"\x14\x02ab",
    "an OCTET STRING": octets(b"ab"),
    "a NumericString of letters": b"\x12\x02ab",
    "a time that is none": b"\x18\x02ab",
}


@case("C4", "I6", over=_NAMED_ODDLY)
def c4_stranger_named_by(text: bytes) -> Situation:
    """The server presents one more certificate, which nobody needs, whose subject is {}. It is read (12.5)."""
    return accepted(chain=(*SITE.chain_der, reissued_der(CEDAR.root, body={"subject": _name(text)})))


_ODD_BUT_READ: dict[str, dict[str, Fields]] = {
    "named bits that end in zeros": {"extensions": {KEY_USAGE: extension(KEY_USAGE, b"\x03\x02\0\x06")}},
    "version 1 and extensions": {"body": {"version": b""}},
    "an empty list of names": {"extensions": {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, sequence())}},
    "a constraint with a minimum of 1": {
        "extensions": {NAME_CONSTRAINTS: extension(NAME_CONSTRAINTS, _constrained(_NAMED, b"\x80\x01\x01")[1])}
    },
    "two texts of one kind in a part of its name": {
        "body": {"subject": sequence(set_of(_TEXT, sequence(oid("2.5.4.3"), b"\x0c\x01z")))}
    },
}


@case("C4", "I6", over=_ODD_BUT_READ)
def c4_stranger_read_with(changes: dict[str, Fields]) -> Situation:
    """The server presents one more certificate, which nobody needs, with {}. It is read (12.5)."""
    return accepted(chain=(*SITE.chain_der, reissued_der(CEDAR.root, **changes)))


_SIGNED_ODDLY = {
    "PKCS #1 v1.5 without NULL": sequence(_PKCS1),
    "PKCS #1 v1.5 with NULL": sequence(_PKCS1, NULL),
    "PSS without parameters": sequence(_PSS),
    "PSS of SHA-1": sequence(_PSS, sequence()),
    "an algorithm of later days with a text": sequence(oid("1.2.3"), octets(b"a")),
}


@case("C4", "I6", over=_SIGNED_ODDLY)
def c4_stranger_signed_by(identifier: bytes) -> Situation:
    """The server presents one more certificate, which nobody needs, signed by {}. It is read (12.5)."""
    return accepted(chain=(*SITE.chain_der, reissued_der(CEDAR.root, outer={"signatureAlgorithm": identifier})))


_ODD: dict[str, dict[str, Fields]] = {
    "a version of 2": {"body": {"version": explicit(0, integer(1))}},
    "a subject that is no UTF-8": {"body": {"subject": _name(b"\x0c\x02\xff\xfe")}},
    "a subject that is no PrintableString": {"body": {"subject": _name(b"\x13\x02a*")}},
    "an issuer that is no UTF-8": {"body": {"issuer": _name(b"\x0c\x02\xff\xfe")}},
    "a URL of a responder that is no ASCII": {
        "extensions": {ACCESS: extension(ACCESS, sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), b"\x86\x03a\xc3\xa4")))}
    },
    "a key that is no point of its curve": {
        "body": {
            "subjectPublicKeyInfo": sequence(
                sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), bits(b"\x04" + bytes(64))
            )
        }
    },
}


@case("C4", "I6", over=_ODD)
def c4_stranger_of(changes: dict[str, Fields]) -> Situation:
    """The server presents one more certificate, which nobody needs, with {}. It cannot be read (12.5)."""
    return refused("untrusted", chain=(*SITE.chain_der, reissued_der(CEDAR.root, **changes)))
