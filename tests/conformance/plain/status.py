"""OCSP responses: what one says about one certificate (E3, RFC 6960)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.conformance.plain import certificates, der, signatures
from tests.conformance.plain.certificates import Certificate, check_extensions, check_sound, issued_by
from tests.conformance.plain.der import Fields, Value
from tests.conformance.plain.path import check_ca
from tests.conformance.plain.refusal import Refused, expect, refused_as

SKEW = timedelta(seconds=300)
OLDEST = timedelta(days=10)
_BASIC, _NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"
_CERT_ID_DIGESTS = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}
_SUCCESSFUL, _GOOD, _REVOKED, _UNKNOWN = 0, 0x80, 0xA1, 0x82
_LARGEST = 64 * 1024
_PROCESSED = {
    certificates.BASIC_CONSTRAINTS,
    certificates.KEY_USAGE,
    certificates.EXTENDED_KEY_USAGE,
    certificates.SUBJECT_KEY,
    certificates.AUTHORITY_KEY,
    certificates.ALTERNATIVE_NAME,
    certificates.ACCESS,
    certificates.NO_CHECK,
}


@dataclass(frozen=True)
class Answer:
    """What a response says: good, from when, until when."""

    begin: datetime
    end: datetime | None


@dataclass(frozen=True)
class _Single:
    cert_id: Value
    serial: bytes
    status: int
    begin: datetime
    end: datetime | None


@dataclass(frozen=True)
class _Response:
    data: bytes
    responder: Value
    singles: list[_Single]
    algorithm: signatures.Algorithm
    signature: bytes
    enclosed: list[bytes]


def judge(
    response: bytes, certificate: Certificate, issuer: Certificate, now: datetime, oldest: timedelta = OLDEST
) -> Answer:
    """Return the good answer about a certificate that is fresh; refuses by V11's reason codes."""
    with refused_as("status-missing"):
        found = _read(response)
        singles = [each for each in found.singles if _names(each, certificate, issuer)]
        expect(singles, "about other certificates")
        _check_signature(found, issuer, now)
    expect(all(each.status != _REVOKED for each in singles), "revoked", "revoked")
    single = singles[0]
    expect(single.status == _GOOD, "unknown to the responder", "status-missing")
    expect(single.begin <= now + SKEW, "from the future", "status-stale")
    expect(single.end is None or now < single.end, "ended", "status-stale")
    expect(now - single.begin <= oldest, "too old", "status-stale")
    return Answer(single.begin, single.end)


def revokes(response: bytes, certificate: Certificate, issuer: Certificate, now: datetime) -> bool:
    """Tell whether a response validly calls a certificate revoked (E6)."""
    try:
        judge(response, certificate, issuer, now)
    except Refused as error:
        return error.reason == "revoked"
    return False


def _read(octets: bytes) -> _Response:
    expect(len(octets) <= _LARGEST, "a response of more than 64 KiB")
    outer = Fields(der.read(octets))
    expect(der.enumerated(outer.take()) == _SUCCESSFUL, "an error of the responder")
    envelope = Fields(der.inside(outer.take(0xA0)))
    outer.end()
    expect(der.oid(envelope.take()) == _BASIC, "another type of response")
    basic = Fields(der.read(der.octets(envelope.take())))
    envelope.end()
    data, algorithm, signature = basic.take(der.SEQUENCE), basic.take(), der.bits(basic.take())
    enclosed = basic.maybe(0xA0)
    basic.end()
    fields = Fields(data)
    responder = fields.take(0xA1, 0xA2)
    der.time(fields.take())
    singles = der.list_of(fields.take(), _single, 1, 1000)
    _check_extensions(fields.maybe(0xA1))
    fields.end()
    return _Response(
        data=data.raw,
        responder=der.inside(responder),
        singles=singles,
        algorithm=signatures.algorithm_named(algorithm),
        signature=signature,
        enclosed=[each.raw for each in der.inside(enclosed).items] if enclosed else [],
    )


def _single(value: Value) -> _Single:
    fields = Fields(value)
    cert_id, status, begin = fields.take(der.SEQUENCE), fields.take(_GOOD, _REVOKED, _UNKNOWN), der.time(fields.take())
    end = fields.maybe(0xA0)
    _check_extensions(fields.maybe(0xA1))
    fields.end()
    named = Fields(cert_id)
    signatures.check_identifier(named.take())
    der.octets(named.take())
    der.octets(named.take())
    serial = named.take(der.INTEGER)
    named.end()
    return _Single(
        cert_id=cert_id,
        serial=serial.content,
        status=status.tag,
        begin=begin,
        end=None if end is None else der.time(der.inside(end)),
    )


def _check_extensions(value: Value | None) -> None:
    """Refuse a critical extension that is no nonce (RFC 6960 section 4.4)."""
    for item in [] if value is None else der.inside(value).items:
        fields = Fields(item)
        name, critical = der.oid(fields.take()), fields.maybe(der.BOOLEAN)
        expect(critical is None or name == _NONCE, f"critical extension {name}")


def _names(single: _Single, certificate: Certificate, issuer: Certificate) -> bool:
    """Recompute the CertID (RFC 6960 section 4.1.1)."""
    fields = Fields(single.cert_id)
    algorithm = Fields(fields.take())
    digest = _CERT_ID_DIGESTS.get(der.oid(algorithm.take()))
    if digest is None:
        return False
    if der.octets(fields.take()) != hashlib.new(digest, certificate.issuer).digest():
        return False
    if der.octets(fields.take()) != hashlib.new(digest, issuer.key.bits).digest():
        return False
    return single.serial == certificate.serial.content


def _check_signature(response: _Response, issuer: Certificate, now: datetime) -> None:
    responder = _responder(response, issuer)
    expect(responder.key.for_signing, "a responder's key that K3 does not have")
    held = signatures.verifies(responder.key, response.algorithm, response.signature, response.data)
    expect(held, "the response's signature does not hold")
    if responder is not issuer:
        _check_delegate(responder, issuer, now)


def _responder(response: _Response, issuer: Certificate) -> Certificate:
    """Return who the response says has signed it: the issuer, or the first of that name that is enclosed."""
    for certificate in (issuer, *map(certificates.load, response.enclosed)):
        if response.responder.tag == der.OCTETS:
            if response.responder.content == hashlib.sha1(certificate.key.bits).digest():  # noqa: S324 a name
                return certificate
        elif response.responder.raw == certificate.subject:
            return certificate
    raise Refused("status-missing", "neither the issuer nor one that is enclosed")


def _check_delegate(delegate: Certificate, issuer: Certificate, now: datetime) -> None:
    """RFC 6960 section 4.2.2.2: issued by the issuer itself, for this purpose, and valid."""
    expect(issued_by(delegate, issuer), "a delegate of somebody else")
    check_ca(issuer, now)
    check_sound(delegate)
    expect(certificates.OCSP_SIGNING in (delegate.purposes or ()), "a delegate without id-kp-OCSPSigning")
    expect(delegate.has(certificates.NO_CHECK), "a delegate whose own status would have to be asked")
    expect(delegate.valid_at(now), "a delegate out of its time")
    check_extensions(delegate, _PROCESSED)
