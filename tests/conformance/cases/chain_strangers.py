# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4, I6: certificates that nobody needs, and nobody can read."""

from typing import Any

from tests.conformance.parts.certificates import (
    ACCESS,
    ALTERNATIVE_NAME,
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    extension,
    reissued_der,
)
from tests.conformance.parts.der import (
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
from tests.conformance.stage import CEDAR, SITE, refused

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
