# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V1, the signed content: O7 to O14, I3, I5, I7. What is wrong here is wrong under a good signature."""

import hashlib
from datetime import timedelta

from tests.conformance.parts.der import NULL, boolean, integer, octets, oid, sequence, time, time_text
from tests.conformance.parts.names import ARC
from tests.conformance.parts.status import CRL, Evidence, by_ocsp
from tests.conformance.parts.voucher import ADDRESS, BEGIN, addresses, contexts, extension, extensions, issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import SITE, accepted, refused, voucher
from tests.pki import NOW

_ENTRIES = tuple(by_ocsp(item).entry() for item in issuers(SITE))
_MANY = [f"198.18.1.{number}" for number in range(1, 17)]
_CONTEXTS = [f"C-{number}" for number in range(32)]


def _malformed(**fields: bytes) -> Situation:
    """Refuse a voucher of birch whose VoucherInfo has these fields instead."""
    return refused("malformed", voucher(info=fields))


def _good(**fields: bytes) -> Situation:
    return accepted(voucher(info=fields))


@case("V1", "O7", over={"0": 0, "2": 2})
def o7_version(number: int) -> Situation:
    """VoucherInfo is of version {}."""
    return _malformed(version=integer(number))


@case("V1")
def v1_field_after_the_last() -> Situation:
    """VoucherInfo ends with a field that its definition does not have."""
    return _malformed(more=NULL)


@case("V1")
def v1_field_missing() -> Situation:
    """VoucherInfo has no probedPort."""
    return _malformed(probedPort=b"")


@case("V1", "O8", "I3")
def o8_long_authority() -> Situation:
    """The authority is named by 9 octets. I3: a VA id has 8."""
    return _malformed(authority=octets(bytes(9)))


@case("V1", "O8", over={"0": 0, "minus 1": -1, "2^128": 1 << 128})
def o8_serial_number_out_of_range(number: int) -> Situation:
    """The serial number is {}. O8: 1 to 2^128-1."""
    return _malformed(serialNumber=integer(number))


@case("V1", "O8", over={"1": 1, "2^128-1": (1 << 128) - 1})
def o8_serial_number_at_its_end(number: int) -> Situation:
    """The serial number is {}, an end of the range."""
    return _good(serialNumber=integer(number))


@case("V1", "I6")
def i6_long_integer() -> Situation:
    """The field perspectives is written 02 02 00 04: a leading zero octet that DER does not allow."""
    return _malformed(perspectives=b"\x02\x02\x00\x04")


@case("V1", "I6")
def i6_boolean_of_one() -> Situation:
    """The field intermediatesMatched is true and written 01, where DER has FF."""
    return _malformed(intermediatesMatched=b"\x01\x01\x01")


@case("V1", "I6")
def i6_long_length_inside() -> Situation:
    """The length of certificateHash is written 81 20, where 20 suffices."""
    hashed = hashlib.sha256(SITE.der).digest()
    return _malformed(certificateHash=b"\x04\x81\x20" + hashed)


@case("V1", "I6")
def i6_padded_identifier() -> Situation:
    """An extension's identifier has a padded arc: 06 03 2A 80 01, which would be 1.2.1."""
    padded = sequence(b"\x06\x03\x2a\x80\x01", boolean(value=False), octets(b""))
    return _malformed(extensions=extensions(padded))


@case("V1", "I6")
def i6_primitive_sequence() -> Situation:
    """The addresses are a SEQUENCE by its number, without the bit that says that something is inside."""
    return _malformed(addresses=b"\x10" + addresses(ADDRESS)[1:])


@case("V1", "O9")
def o9_short_hash() -> Situation:
    """The field certificateHash has 31 octets."""
    return _malformed(certificateHash=octets(bytes(31)))


def _with_others(count: int) -> dict[str, bytes]:
    """Return fields for a chain that the voucher says to be longer by `count` intermediates than it is."""
    others = [hashlib.sha256(bytes((number,))).digest() for number in range(count)]
    span = (NOW - timedelta(hours=1), NOW + timedelta(days=2))
    entries = (Evidence(other, CRL, span, bytes(32)).entry() for other in others)
    own = [octets(hashlib.sha256(item.der).digest()) for item in issuers(SITE)[1:]]
    return {
        "intermediateHashes": sequence(*own, *map(octets, others)),
        "statusEvidence": sequence(*_ENTRIES, *entries),
    }


@case("V1", "V8", "O9")
def o9_eight_intermediates() -> Situation:
    """The voucher names eight intermediates, of which the validated path needs one. V8 asks for no more."""
    return _good(**_with_others(7))


@case("V1", "O9")
def o9_nine_intermediates() -> Situation:
    """The voucher names nine intermediates. O9: at most 8."""
    return _malformed(**_with_others(8))


@case("V1", "O9")
def o9_one_intermediate_twice() -> Situation:
    """The voucher names its one intermediate twice, each time with its evidence. O9: no duplicates."""
    name = octets(hashlib.sha256(issuers(SITE)[1].der).digest())
    return _malformed(intermediateHashes=sequence(name, name), statusEvidence=sequence(*_ENTRIES, _ENTRIES[-1]))


@case("V1", "V9", "O10")
def o10_sixteen_addresses() -> Situation:
    """Sixteen addresses were probed; the last of them is the peer's."""
    return _good(addresses=addresses(*_MANY[1:], ADDRESS))


_WRONG_ADDRESSES = {
    "none": sequence(),
    "seventeen": addresses(*_MANY, ADDRESS),
    "one twice": addresses(ADDRESS, ADDRESS),
    "one of five octets": sequence(octets(bytes(5))),
    "one IPv4-mapped": addresses(ADDRESS, "::ffff:198.18.0.11"),
}


@case("V1", "O10", "I5", over=_WRONG_ADDRESSES)
def o10_addresses(field: bytes) -> Situation:
    """Of the addresses: {}. O10: 1 to 16 without duplicates; I5: 4 or 16 octets, an IPv4 address never in 16."""
    return _malformed(addresses=field)


@case("V1", "O10")
def o10_secondary_port() -> Situation:
    """Birch probed port 993, the client connects to 443. O10: a client must not compare it."""
    return _good(probedPort=integer(993))


@case("V1", "O10")
def o10_last_port() -> Situation:
    """Birch probed port 1023, the last that takes a privilege to open."""
    return _good(probedPort=integer(1023))


@case("V1", "O10", over={"0": 0, "1024": 1024, "8443": 8443, "65536": 65536})
def o10_no_port(number: int) -> Situation:
    """The probed port is {}. O10: of those that any user may open nothing is said."""
    return _malformed(probedPort=integer(number))


_TIMES = {
    "with a fraction": time_text("20260302115500.5Z"),
    "without seconds": time_text("202603021155Z"),
    "without a zone": time_text("20260302115500"),
    "with an offset": time_text("20260302135500+0200"),
    "on February 30": time_text("20260230115500Z"),
    "as UTCTime": b"\x17\x0d260302115500Z",
}


@case("V1", "I7", over=_TIMES)
def i7_time(field: bytes) -> Situation:
    """The field thisUpdate is written {}. I7: GeneralizedTime, UTC, YYYYMMDDHHMMSSZ."""
    return _malformed(thisUpdate=field)


@case("V1", "O11")
def o11_ends_when_it_begins() -> Situation:
    """The field nextUpdate equals thisUpdate: a voucher that is never valid."""
    return _malformed(nextUpdate=time(BEGIN))


_WRONG_CONTEXTS = {
    "thirty three": contexts(*_CONTEXTS, "MOZ"),
    "one twice": contexts("MOZ", "MOZ"),
    "lower case": contexts("MOZ", "moz"),
    "empty": contexts("MOZ", ""),
    "of 33 characters": contexts("MOZ", "A" * 33),
    "as UTF8String": sequence(b"\x0c\x03MOZ"),
}


@case("V1", "O12", over=_WRONG_CONTEXTS)
def o12_contexts(field: bytes) -> Situation:
    """Of the trust contexts: {}. O12: at most 32, PrintableString of 1 to 32 of A-Z, 0-9 and '-', no duplicates."""
    return _malformed(trustContexts=field)


@case("V1", "V10", "O12")
def o12_thirty_two_contexts() -> Situation:
    """The voucher carries 32 contexts, the client's among them, one of 32 characters."""
    return _good(trustContexts=contexts("MOZ", "A" * 32, *_CONTEXTS[2:]))


@case("V1", "O13", over={"0": 0, "256": 256})
def o13_perspectives(number: int) -> Situation:
    """{} perspectives agreed. O13: 1 to 255."""
    return _malformed(perspectives=integer(number))


@case("V1", "O13", over={"1": 1, "255": 255})
def o13_perspectives_at_the_end(number: int) -> Situation:
    """{} perspectives agreed, an end of the range."""
    return _good(perspectives=integer(number))


@case("V1", "O13")
def o13_other_intermediates_seen() -> Situation:
    """The probe saw other intermediates than those of the request. O13 is for information: no rule refuses it."""
    return _good(intermediatesMatched=boolean(value=False))


@case("V1", "O14")
def o14_unknown_critical() -> Situation:
    """An extension that this client cannot know is critical."""
    return _malformed(extensions=extensions(extension(critical=True)))


@case("V1", "O14")
def o14_unknown() -> Situation:
    """Two extensions that this client cannot know are not critical. O14: ignored."""
    return _good(extensions=extensions(extension(b"\x05\x00"), extension(number=2)))


_WRONG_EXTENSIONS = {
    "one twice": extensions(extension(), extension(b"\x05\x00")),
    "none in the list": extensions(),
    "seventeen": extensions(*(extension(number=number) for number in range(17))),
    "critical left out": extensions(sequence(oid(f"{ARC}.99"), octets(b""))),
}


@case("V1", "O14", over=_WRONG_EXTENSIONS)
def o14_extensions(field: bytes) -> Situation:
    """Of the extensions: {}. The ASN.1 module: 1 to 16 or absent, `critical` always written; O14: none twice."""
    return _malformed(extensions=field)


@case("V1", "I6")
def i6_context_as_set() -> Situation:
    """The field trustContexts is a SET, with the right contexts inside."""
    return _malformed(trustContexts=b"\x31" + contexts("MOZ")[1:])
