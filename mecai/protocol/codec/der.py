"""Strict DER: the one way in and out for every ASN.1 structure of this project.

The schemas are declared with `cryptography.hazmat.asn1`, whose parser accepts DER only: minimal lengths, tags and
integers, ordered SET OF, BOOLEAN FF, no trailing octets. So whatever it accepts re-encodes to the same octets (rule
I6); that is not looked at each time, but `tests/unit/protocol/test_der.py` and the fuzzer hold the parser to it.
Fields that hold a whole foreign object (certificate, OCSP response) stay opaque here and go to the parser of that
object.
"""

from datetime import UTC, datetime
from typing import TypeVar

from cryptography.hazmat import asn1

from mecai.errors import Malformed

Schema = TypeVar("Schema")


def decode(schema: type[Schema], der: bytes, what: str, maximum: int) -> Schema:
    """Decode one object of at most `maximum` octets; raises `Malformed` naming `what` it should have been."""
    if len(der) > maximum:
        raise Malformed(f"{what}: {len(der)} octets, more than the {maximum} allowed")
    try:
        return asn1.decode_der(schema, der)
    except ValueError as error:
        raise Malformed(f"{what}: no valid DER of such a structure") from error


def encode(value: object) -> bytes:
    """Encode an instance of a schema; raises `Malformed` for a value that the schema cannot hold."""
    try:
        return asn1.encode_der(value)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{type(value).__name__.lstrip('_')}: {error}") from error


def raw(value: asn1.TLV) -> bytes:
    """Return the whole encoding (tag, length, contents) of an opaque field."""
    return asn1.encode_der(value)


def opaque(der: bytes) -> asn1.TLV:
    """Wrap one complete encoding for a field that stays opaque."""
    return asn1.decode_der(asn1.TLV, der)


def generalized(moment: datetime) -> asn1.GeneralizedTime:
    """Return a time as GeneralizedTime; it must be aware and in whole seconds, else `Malformed`."""
    if moment.tzinfo is None or moment.microsecond:
        raise Malformed(f"time {moment.isoformat()}: expected a UTC time in whole seconds")
    return asn1.GeneralizedTime(moment.astimezone(UTC))


def moment(time: asn1.GeneralizedTime, what: str) -> datetime:
    """Return a GeneralizedTime as an aware UTC datetime; fractions of a second are `Malformed`."""
    value = time.as_datetime()
    if value.microsecond:
        raise Malformed(f"{what}: time with a fraction of a second")
    return value
