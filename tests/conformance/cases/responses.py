# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""E3, V11: every field of an OCSP response, and when it ends."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import parser
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.parts.certificates import (
    extension,
    items,
)
from tests.conformance.parts.der import (
    NULL,
    Fields,
    bits,
    enumerated,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    sequence,
    time,
    time_text,
)
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signing import Signer, ecdsa
from tests.conformance.parts.status import Evidence, Span, by_ocsp, ocsp, single
from tests.conformance.parts.voucher import Voucher
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    CEDAR,
    SITE,
    accepted,
    refused,
    voucher,
)
from tests.pki import DAY, HOUR, NOW, Issued, key

SECOND = timedelta(seconds=1)
_ISSUING = ALDER.issuing
_NONCE = "1.3.6.1.5.5.7.48.1.2"


def _voucher(response: bytes) -> Voucher:
    """Return birch's voucher with this response about the end entity."""
    return voucher(evidence=[by_ocsp(SITE, response), by_ocsp(_ISSUING)])


def good(**changes: Any) -> Situation:
    """Return a connection that is accepted; the response about the end entity is changed."""
    return accepted(_voucher(ocsp(SITE, **changes)))


def missing(**changes: Any) -> Situation:
    """Return a connection that is refused, for that response counts as missing."""
    return refused("status-missing", _voucher(ocsp(SITE, **changes)))


def _extensions(*items: bytes) -> bytes:
    return explicit(1, sequence(*items))


_SHA1 = sequence(oid("1.3.14.3.2.26"), NULL)
_CERT_IDS: dict[str, Fields] = {
    "issuer's name": {"issuerNameHash": octets(bytes(20))},
    "issuer's key": {"issuerKeyHash": octets(bytes(20))},
    "serial number": {"serialNumber": integer(4711)},
    "hash algorithm": {"hashAlgorithm": sequence(oid("2.16.840.1.101.3.4.2.1"), NULL)},
}


@case("V11", "E3", over=_CERT_IDS)
def e3_another(names: Fields) -> Situation:
    """The CertID has another {} than it should. E3: the client recomputes it."""
    return missing(singles=[single(SITE, names=names)])


@case("V11", "E3")
def e3_named_by_sha512() -> Situation:
    """The CertID is made with SHA-512, which E3 does not have."""
    name = hashlib.sha512(SITE.certificate.issuer.public_bytes()).digest()
    names = {
        "hashAlgorithm": sequence(oid("2.16.840.1.101.3.4.2.3"), NULL),
        "issuerNameHash": octets(name),
        "issuerKeyHash": octets(hashlib.sha512(_bits(_ISSUING)).digest()),
    }
    return missing(singles=[single(SITE, names=names)])


_NO_CERT_IDS: dict[str, Fields] = {
    "an algorithm of two parameters": {"hashAlgorithm": sequence(oid("1.3.14.3.2.26"), NULL, NULL)},
    "a number for the issuer's name": {"hashAlgorithm": sequence(oid(UNKNOWN)), "issuerNameHash": integer(1)},
    "a number for the issuer's key": {"hashAlgorithm": sequence(oid(UNKNOWN)), "issuerKeyHash": integer(1)},
    "a text for the serial number": {"serialNumber": octets(b"4711")},
    "a fifth field": {"serialNumber": integer(4711) + NULL},
}


@case("V11", "E3", "I6", over=_NO_CERT_IDS)
def e3_response_with_a_stranger_with(names: Fields) -> Situation:
    """After the good answer comes another, whose CertID has {}. Section 12.5: all of the response has to be one."""
    return missing(singles=[single(SITE), single(SITE, names=names)])


def _bits(issued: Issued) -> bytes:
    return issued.certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _retyped(response: bytes) -> bytes:
    """Return the responseBytes of a response, of a type that nobody knows."""
    basic = parser.parse(items(items(items(response)[1])[0])[1])[4]
    return explicit(0, sequence(oid(UNKNOWN), octets(basic)))


_ANSWERS: dict[str, dict[str, Any]] = {
    "an error beside a good answer": {"envelope": {"responseStatus": enumerated(3)}},
    "success and no answer": {"envelope": {"responseBytes": b""}},
    "another type of answer": {"envelope": {"responseBytes": _retyped(ocsp(SITE))}},
    "a version of 1, which is the default, written": {"data": {"version": explicit(0, integer(0))}},
    "a version of 2": {"data": {"version": explicit(0, integer(1))}},
    "a time of status in the year 0": {"singles": [single(SITE, changes={"thisUpdate": time_text("00000101000000Z")})]},
    "an end in the year 0": {
        "singles": [single(SITE, changes={"nextUpdate": explicit(0, time_text("00000101000000Z"))})]
    },
    "a time of production without seconds": {"data": {"producedAt": time_text("202603021100Z")}},
    "no time of production": {"data": {"producedAt": b""}},
    "no answers at all": {"data": {"responses": sequence()}},
    "a responder of another key": {"data": {"responderID": explicit(2, octets(bytes(20)))}},
    "a responder of another name": {
        "data": {"responderID": explicit(1, CEDAR.root.certificate.subject.public_bytes())}
    },
    "a status of four": {"singles": [single(SITE, changes={"certStatus": implicit(3, NULL)})]},
    "a time of status with a fraction": {
        "singles": [single(SITE, changes={"thisUpdate": time_text("20260302110000.5Z")})]
    },
    "another signature algorithm than made it": {"basic": {"signatureAlgorithm": ecdsa("sha384").identifier}},
    "no signature": {"basic": {"signature": bits(b"")}},
    "a critical extension": {"data": {"responseExtensions": _extensions(extension(UNKNOWN, b"", critical=True))}},
    "a critical extension of its answer": {
        "singles": [single(SITE, changes={"singleExtensions": _extensions(extension(UNKNOWN, b"", critical=True))})]
    },
}


@case("V11", "E3", over=_ANSWERS)
def e3_response_with(changes: dict[str, Any]) -> Situation:
    """The response about the end entity has {}. It counts as missing."""
    return missing(**changes)


_LONG_AGO = {"thisUpdate": time_text("00010101000000Z"), "nextUpdate": explicit(0, time_text("00010102000000Z"))}


@case("V11", "E3")
def e3_of_the_year_1() -> Situation:
    """The response is of the first of January of the year 1, and of no later day."""
    return refused("status-stale", _voucher(ocsp(SITE, singles=[single(SITE, changes=_LONG_AGO)])))


@case("V11", "E3")
def e3_without_end_in_the_last_year() -> Situation:
    """The response ends on the last day of the year 9999."""
    return good(singles=[single(SITE, changes={"nextUpdate": explicit(0, time_text("99991231235959Z"))})])


_GOOD_ANSWERS: dict[str, dict[str, Any]] = {
    "an extension": {"data": {"responseExtensions": _extensions(extension(UNKNOWN, b""))}},
    "a critical nonce": {
        "data": {"responseExtensions": _extensions(extension(_NONCE, octets(bytes(16)), critical=True))}
    },
    "an extension of its answer": {
        "singles": [single(SITE, changes={"singleExtensions": _extensions(extension(UNKNOWN, b""))})]
    },
    "a production in the future": {"data": {"producedAt": time(NOW + DAY)}},
}


@case("V11", "E3", over=_GOOD_ANSWERS)
def e3_good_response_with(changes: dict[str, Any]) -> Situation:
    """The response about the end entity has {}. It holds."""
    return good(**changes)


@case("V11", "E3")
def e3_issuer_encloses_itself() -> Situation:
    """The issuer signed, and encloses its own certificate, which nobody needs."""
    return good(enclosed=[_ISSUING])


@case("V11", "E3")
def e3_key_of_another_algorithm() -> Situation:
    """The response says ECDSA with SHA-256; a stranger's key made the signature, in the issuer's name."""
    return missing(by=Signer(_ISSUING, ecdsa("sha256"), key("stranger")))


_ENDLESS = (NOW - HOUR, None)


def _endless(end: datetime) -> Evidence:
    """Return evidence by a response without nextUpdate, whose entry ends then."""
    response = ocsp(SITE, span=_ENDLESS)
    made = by_ocsp(SITE, response)
    return Evidence(made.certificate_hash, made.method, (NOW - HOUR, end), made.named, response)


@case("V11", "E3")
def e3_no_end_but_the_entry() -> Situation:
    """The response names no nextUpdate, the entry ends tomorrow. E3: so ends the response."""
    return accepted(voucher(evidence=[_endless(NOW + DAY), by_ocsp(_ISSUING)]))


@case("V11", "E3")
def e3_no_end_and_the_entry_ended() -> Situation:
    """The response names no nextUpdate, the entry ended a second ago."""
    return refused("status-stale", voucher(evidence=[_endless(NOW - SECOND), by_ocsp(_ISSUING)]))


_CLAIMS: dict[str, tuple[datetime, datetime]] = {
    "ended an hour ago": (NOW - DAY, NOW - HOUR),
    "begins tomorrow": (NOW + DAY, NOW + 2 * DAY),
}


@case("V11", "E2", "E3", over=_CLAIMS)
def e3_entry_says_that_it(span: Span) -> Situation:
    """The response is fresh; the entry, in contradiction, says that it {}. E3: the response itself is what counts."""
    return accepted(voucher(evidence=[by_ocsp(SITE, ocsp(SITE), span), by_ocsp(_ISSUING)]))
