# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""E3 to E6, V5, V11: every field of an OCSP response, and what becomes of it in all places where one may stand."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import parser
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.certificates import (
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NO_CHECK,
    extension,
    items,
    reissued,
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
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.parts.status import Evidence, Span, by_ocsp, ocsp, short_lived, single
from tests.conformance.parts.voucher import Voucher, addresses, issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    GOOD,
    HOST,
    SITE,
    accepted,
    of,
    refused,
    voucher,
    without_voucher,
)
from tests.pki import DAY, HOUR, NOW, Issued, issue, key, leaf_extensions

SECOND = timedelta(seconds=1)
_ISSUING = ALDER.issuing
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_SPAN = (NOW - DAY, NOW + 30 * DAY)
_RESPONDER = issue(
    "responder", key("responder"), _ISSUING, leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING), span=_SPAN
)


def _voucher(response: bytes) -> Voucher:
    """Return birch's voucher with this response about the end entity."""
    return voucher(evidence=[by_ocsp(SITE, response), by_ocsp(_ISSUING)])


def _good(**changes: Any) -> Situation:
    return accepted(_voucher(ocsp(SITE, **changes)))


def _missing(**changes: Any) -> Situation:
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
    return _missing(singles=[single(SITE, names=names)])


@case("V11", "E3")
def e3_named_by_sha512() -> Situation:
    """The CertID is made with SHA-512, which E3 does not have."""
    name = hashlib.sha512(SITE.certificate.issuer.public_bytes()).digest()
    names = {
        "hashAlgorithm": sequence(oid("2.16.840.1.101.3.4.2.3"), NULL),
        "issuerNameHash": octets(name),
        "issuerKeyHash": octets(hashlib.sha512(_bits(_ISSUING)).digest()),
    }
    return _missing(singles=[single(SITE, names=names)])


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
    return _missing(**changes)


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
    return _good(**changes)


_DELEGATES: dict[str, dict[str, Any]] = {
    "any purpose": {
        "extensions": {
            EXTENDED_KEY_USAGE: extension(
                EXTENDED_KEY_USAGE,
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]).public_bytes(),
            )
        }
    },
    "no purpose": {"extensions": {EXTENDED_KEY_USAGE: b""}},
    "no nocheck": {"extensions": {NO_CHECK: b""}},
    "an unknown critical extension": {"extensions": {UNKNOWN: extension(UNKNOWN, b"", critical=True)}},
    "a serial number of 22 octets": {"body": {"serialNumber": integer(1 << 170)}},
    "another issuer": {"body": {"issuer": ALDER.root.certificate.subject.public_bytes()}},
    "a signature of another": {"by": signer(ALDER.root)},
}


@case("V11", "E3", over=_DELEGATES)
def e3_delegate_with(changes: dict[str, Any]) -> Situation:
    """A delegate of the issuing CA signed, whose certificate has {} (RFC 6960 section 4.2.2.2)."""
    return _missing(by=signer(reissued(_RESPONDER, **changes)))


_GOOD_DELEGATES: dict[str, Fields] = {
    "critical nocheck": {NO_CHECK: extension(NO_CHECK, NULL, critical=True)},
    "two purposes": {
        EXTENDED_KEY_USAGE: extension(
            EXTENDED_KEY_USAGE,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING]).public_bytes(),
            critical=True,
        )
    },
    "no keyUsage": {KEY_USAGE: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
}


@case("V11", "E3", over=_GOOD_DELEGATES)
def e3_good_delegate_with(extensions: Fields) -> Situation:
    """A delegate of the issuing CA signed, whose certificate has {}. It is one."""
    return _good(by=signer(reissued(_RESPONDER, extensions=extensions)))


def _delegate(span: tuple[datetime, datetime]) -> Issued:
    purposes = leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)
    return issue("responder", key("responder"), _ISSUING, purposes, span=span)


@case("V11", "E3", over={"begins now": (NOW, NOW + DAY), "ends now": (NOW - DAY, NOW)})
def e3_delegate_that(span: tuple[datetime, datetime]) -> Situation:
    """The delegate's certificate {}; both ends are inside."""
    return _good(by=signer(_delegate(span)))


@case("V11", "E3", over={"begins in a second": (NOW + SECOND, NOW + DAY)})
def e3_late_delegate_that(span: tuple[datetime, datetime]) -> Situation:
    """The delegate's certificate {}."""
    return _missing(by=signer(_delegate(span)))


@case("V11", "E3", "V5")
def v5_delegate_expired() -> Situation:
    """A delegate of birch's root signed the authority's status; its certificate ended a second ago."""
    purposes = leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)
    gone = issue("responder", key("responder"), BIRCH.root, purposes, span=(NOW - DAY, NOW - SECOND))
    return refused("authority-status", voucher(status=ocsp(BIRCH.voucher, by=signer(gone))))


@case("V11", "E3", "V5")
def v5_delegate_without_nocheck() -> Situation:
    """A delegate of birch's root signed the authority's status; nothing says that nobody need ask for its own."""
    delegate = issue(
        "responder", key("responder"), BIRCH.root, leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)[:2], span=_SPAN
    )
    return refused("authority-status", voucher(status=ocsp(BIRCH.voucher, by=signer(delegate))))


@case("E6", "E3")
def e6_staple_by_a_delegate_without_nocheck() -> Situation:
    """A delegate without nocheck says that the end entity is revoked. E6: a staple that is not valid says nothing."""
    delegate = reissued(_RESPONDER, extensions={NO_CHECK: b""})
    return accepted(staple=ocsp(SITE, "revoked", by=signer(delegate)))


@case("V11", "E3")
def e3_second_of_two_enclosed() -> Situation:
    """Two certificates are enclosed; the second is that of the delegate who signed."""
    return _good(by=signer(_RESPONDER), enclosed=[ALDER.responder(_ISSUING), _RESPONDER])


@case("V11", "E3")
def e3_delegate_named_by_name() -> Situation:
    """A delegate signed, whom the response names by name."""
    return _good(by=signer(_RESPONDER), by_name=True)


@case("V11", "E3")
def e3_issuer_encloses_itself() -> Situation:
    """The issuer signed, and encloses its own certificate, which nobody needs."""
    return _good(enclosed=[_ISSUING])


@case("V11", "E3")
def e3_key_of_another_algorithm() -> Situation:
    """The response says ECDSA with SHA-256; a stranger's key made the signature, in the issuer's name."""
    return _missing(by=Signer(_ISSUING, ecdsa("sha256"), key("stranger")))


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


# Two intermediates

_DEEP = ALDER.server(HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", ALDER.root, 1)))
_DEEP_CHAIN = issuers(_DEEP)


def _of_deep(place: int, evidence: Evidence, **changes: Any) -> Voucher:
    """Return birch's voucher for a server with two intermediates, with this evidence about one of the three."""
    named = [by_ocsp(item) for item in _DEEP_CHAIN]
    named[place] = evidence
    return of(BIRCH, _DEEP, evidence=named, **changes)


_PLACES = {"end entity": 0, "lower CA": 1, "upper CA": 2}


@case("V11", "E3", over=_PLACES)
def v11_of_three_unknown(place: int) -> Situation:
    """Alder root -- upper CA -- lower CA -- server; the responder does not know the {}."""
    subject = _DEEP_CHAIN[place]
    return refused("status-missing", _of_deep(place, by_ocsp(subject, ocsp(subject, "unknown"))), chain=_DEEP.chain_der)


@case("V11", "E6", over=_PLACES)
def v11_of_three_revoked(place: int) -> Situation:
    """Alder root -- upper CA -- lower CA -- server; the {} is revoked."""
    subject = _DEEP_CHAIN[place]
    return refused("revoked", _of_deep(place, by_ocsp(subject, ocsp(subject, "revoked"))), chain=_DEEP.chain_der)


@case("E6", "V11", over=_PLACES)
def e6_staple_of_three(place: int) -> Situation:
    """The same server; the voucher is good, the staple says that the {} is revoked."""
    return refused("revoked", of(BIRCH, _DEEP), chain=_DEEP.chain_der, staple=ocsp(_DEEP_CHAIN[place], "revoked"))


@case("V8", "O9", over={"lower CA": 1, "upper CA": 2})
def v8_of_two_another(place: int) -> Situation:
    """The same server; birch saw another certificate of the {} than the server presents."""
    seen = [octets(hashlib.sha256(item.der).digest()) for item in _DEEP_CHAIN]
    seen[place] = octets(bytes(32))
    named = [by_ocsp(item) for item in _DEEP_CHAIN]
    named[place] = Evidence(
        bytes(32), named[place].method, named[place].span, named[place].named, named[place].response
    )
    made = of(BIRCH, _DEEP, evidence=named, info={"intermediateHashes": sequence(*seen[1:])})
    return refused("intermediates-mismatch", made, chain=_DEEP.chain_der)


# E5


@case("V11", "E5")
def e5_half_gone() -> Situation:
    """The end entity lives for 14 days, of which six are left: its whole validity counts."""
    site = issue(
        HOST,
        key(HOST),
        _ISSUING,
        leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST]),
        span=(NOW - 8 * DAY, NOW + 6 * DAY),
    )
    made = of(BIRCH, site, evidence=[short_lived(site), by_ocsp(_ISSUING)])
    return refused("status-missing", made, chain=site.chain_der)


_SHORT = ALDER.server(HOST, days=2)


@case(
    "V11",
    "E5",
    "E2",
    over={"ended an hour ago": (NOW - DAY, NOW - HOUR), "begins in 301 s": (NOW + 301 * SECOND, NOW + DAY)},
)
def e5_entry_that(span: tuple[datetime, datetime]) -> Situation:
    """The end entity is short-lived; its entry {}, although the certificate goes on."""
    entry = Evidence(hashlib.sha256(_SHORT.der).digest(), 2, span, None)
    return refused("status-stale", of(BIRCH, _SHORT, evidence=[entry, by_ocsp(_ISSUING)]), chain=_SHORT.chain_der)


@case("E6", "E5", "V11")
def e6_short_lived_and_revoked() -> Situation:
    """The end entity is short-lived and the voucher good, but the staple says that it is revoked."""
    made = of(BIRCH, _SHORT, evidence=[short_lived(_SHORT), by_ocsp(_ISSUING)])
    return refused("revoked", made, chain=_SHORT.chain_der, staple=ocsp(_SHORT, "revoked"))


# E6 from every place

_GONE = ocsp(SITE, "revoked")
_REVOKING = [by_ocsp(SITE, _GONE), by_ocsp(_ISSUING)]


def _beside(authority: Any, response: bytes, **changes: Any) -> Voucher:
    """Return a voucher that encloses a response for an intermediate that the path does not need."""
    named = [
        *map(by_ocsp, (SITE, _ISSUING)),
        Evidence(bytes(32), 0, (NOW - HOUR, NOW + DAY), hashlib.sha256(response).digest(), response),
    ]
    hashes = sequence(octets(hashlib.sha256(_ISSUING.der).digest()), octets(bytes(32)))
    return of(authority, evidence=named, info={"intermediateHashes": hashes, **changes})


@case("E6", "V11")
def e6_in_a_voucher_that_passes() -> Situation:
    """Birch's voucher is good. What it encloses for an intermediate beside the path calls the end entity revoked."""
    return refused("revoked", _beside(BIRCH, _GONE))


@case("E6", "V11")
def e6_good_beside_the_path() -> Situation:
    """The same, but that response says nothing about this server's path."""
    made = _beside(BIRCH, ocsp(ALDER.server("other.example.test"), "revoked"))
    return accepted(made)


@case("E6", "V5", "V11")
def e6_in_the_place_of_the_authoritys_own() -> Situation:
    """In the place of the authority's own status there is one that calls the end entity revoked."""
    return refused("revoked", voucher(status=_GONE))


@case("E6", "V4", "V11")
def e6_in_a_forged_voucher() -> Situation:
    """Cedar's voucher is forged, and encloses what the issuer signed: the end entity is revoked. Birch's is good."""
    forged = of(CEDAR, evidence=_REVOKING, by=Signer(CEDAR.voucher, ecdsa("sha256"), key("forger")))
    return refused("revoked", GOOD, forged)


@case("E6", "V1")
def e6_in_a_malformed_voucher() -> Situation:
    """Cedar's voucher is of version 2, and encloses that the end entity is revoked. V1: it is not looked into."""
    bad = of(CEDAR, evidence=_REVOKING, info={"version": integer(2)})
    return accepted(GOOD, bad, passing=[GOOD])


@case("E6", "V11", "C1", "C3")
def e6_staple_and_no_voucher() -> Situation:
    """No voucher came, and the staple says that the end entity is revoked. C3: `revoked` goes before `no-voucher`."""
    return without_voucher("revoked", staple=_GONE)


@case("E6", "V11", "C2")
def e6_before_the_quorum() -> Situation:
    """Two vouchers are wanted, birch's alone is good; cedar's is for another address and encloses `revoked`."""
    bad = of(CEDAR, evidence=_REVOKING, info={"addresses": addresses("198.18.0.66")})
    return refused("revoked", GOOD, bad, quorum=2)


@case("E6", "C4")
def e6_of_an_untrusted_chain() -> Situation:
    """The chain is for another name, and the staple calls the end entity revoked. `untrusted` is found first."""
    return refused("untrusted", staple=_GONE, server_name="mail.example.test")


_STAPLES: dict[str, bytes] = {
    "text": b"no response",
    "by a delegate without the purpose": ocsp(
        SITE,
        "revoked",
        by=signer(
            issue(
                "false responder", key("false"), _ISSUING, leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH), span=_SPAN
            )
        ),
    ),
    "about another": ocsp(ALDER.server("other.example.test"), "revoked"),
    "of a damaged signature": _GONE[:-1] + bytes((_GONE[-1] ^ 1,)),
    "with a critical extension": ocsp(
        SITE, "revoked", data={"responseExtensions": _extensions(extension(UNKNOWN, b"", critical=True))}
    ),
    "that is stale": ocsp(SITE, span=(NOW - 30 * DAY, NOW - 29 * DAY)),
    "unknown": ocsp(SITE, "unknown"),
}


@case("E6", "V11", over=_STAPLES)
def e6_staple_that_says_nothing(staple: bytes) -> Situation:
    """The staple is no valid `revoked` ({}). E6: it says nothing, and the voucher is good."""
    return accepted(staple=staple)


@case("E6", "V11")
def e6_staple_by_a_delegate() -> Situation:
    """A delegate of the issuing CA signed the staple that says `revoked`."""
    return refused("revoked", staple=ocsp(SITE, "revoked", by=signer(_RESPONDER)))


@case("E6", "V11")
def e6_staple_from_tomorrow() -> Situation:
    """The staple says `revoked` from tomorrow on. E6: whatever its age."""
    return refused("revoked", staple=ocsp(SITE, "revoked", (NOW + DAY, NOW + 2 * DAY)))
