"""DER of single values, and structures as named fragments (docs/spec, I6 and I7).

A structure is a mapping from field names to encodings, in order. A case replaces a fragment by another, wrong or not,
or by nothing: `structure(fields, {"version": integer(2), "extensions": b""})`.
"""

from collections.abc import Mapping
from datetime import datetime

from asn1crypto import core, parser

Fields = Mapping[str, bytes]
_UNIVERSAL, _CONTEXT = 0, 2
_PRIMITIVE, _CONSTRUCTED = 0, 1
NULL = b"\x05\x00"


def structure(fields: Fields, changes: Fields) -> bytes:
    """Return the SEQUENCE of the fields with some replaced; a name that is no field is an error in the case."""
    if unknown := changes.keys() - fields.keys():
        raise KeyError(f"{sorted(unknown)} are none of {list(fields)}")
    return sequence(*{**fields, **changes}.values())


def sequence(*items: bytes) -> bytes:
    """Return a SEQUENCE of encodings."""
    return bytes(parser.emit(_UNIVERSAL, _CONSTRUCTED, 16, b"".join(items)))


def set_of(*items: bytes) -> bytes:
    """Return a SET OF in the order of DER (X.690 section 11.6)."""
    return unsorted_set_of(*sorted(items))


def unsorted_set_of(*items: bytes) -> bytes:
    """Return a SET OF in the order given, which is DER only by luck."""
    return bytes(parser.emit(_UNIVERSAL, _CONSTRUCTED, 17, b"".join(items)))


def explicit(tag: int, *items: bytes) -> bytes:
    """Return encodings inside an explicit context tag."""
    return bytes(parser.emit(_CONTEXT, _CONSTRUCTED, tag, b"".join(items)))


def implicit(tag: int, encoded: bytes) -> bytes:
    """Return one encoding with its tag replaced by a context tag below 31."""
    return bytes(((encoded[0] & 0x20) | 0x80 | tag, *encoded[1:]))


def integer(value: int) -> bytes:
    """Return an INTEGER."""
    return bytes(core.Integer(value).dump())


def boolean(*, value: bool) -> bytes:
    """Return a BOOLEAN."""
    return bytes(core.Boolean(value).dump())


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return bytes(core.OctetString(value).dump())


def bits(value: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return bytes(core.OctetBitString(value).dump())


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    return bytes(core.ObjectIdentifier(dotted).dump())


def enumerated(value: int) -> bytes:
    """Return an ENUMERATED below 128."""
    return bytes((0x0A, 1, value))


def printable(text: str) -> bytes:
    """Return a PrintableString; its characters are not checked."""
    return bytes(parser.emit(_UNIVERSAL, _PRIMITIVE, 19, text.encode()))


def ia5(text: bytes) -> bytes:
    """Return an IA5String; its octets are not checked."""
    return bytes(parser.emit(_UNIVERSAL, _PRIMITIVE, 22, text))


def time(moment: datetime) -> bytes:
    """Return a GeneralizedTime in UTC with seconds."""
    return time_text(moment.strftime("%Y%m%d%H%M%SZ"))


def time_text(text: str) -> bytes:
    """Return a GeneralizedTime of any text."""
    return bytes(parser.emit(_UNIVERSAL, _PRIMITIVE, 24, text.encode()))
