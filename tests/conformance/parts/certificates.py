"""Certificates that no library would issue: a good one taken apart, changed, and signed again by its issuer's key."""

from datetime import datetime

from asn1crypto import core, parser
from cryptography import x509

from tests.conformance.parts.der import Fields, bits, boolean, explicit, octets, oid, sequence, structure
from tests.conformance.parts.signing import Signer, signer
from tests.pki import Issued, key_usage

_BODY = (
    "version",
    "serialNumber",
    "signature",
    "issuer",
    "validity",
    "subject",
    "subjectPublicKeyInfo",
    "extensions",
)
BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
SUBJECT_KEY, AUTHORITY_KEY, ALTERNATIVE_NAME = "2.5.29.14", "2.5.29.35", "2.5.29.17"
NAME_CONSTRAINTS, POLICIES, POLICY_CONSTRAINTS = "2.5.29.30", "2.5.29.32", "2.5.29.36"
NO_CHECK, ACCESS = "1.3.6.1.5.5.7.48.1.5", "1.3.6.1.5.5.7.1.1"


def reissued_der(
    issued: Issued,
    *,
    body: Fields | None = None,
    extensions: Fields | None = None,
    outer: Fields | None = None,
    by: Signer | None = None,
) -> bytes:
    """Return the certificate with fields of its body, extensions by their identifiers, or outer fields replaced.

    An extension of no octets is left out, one of another identifier comes last.
    """
    fields = dict(zip(_BODY, items(items(issued.der)[0]), strict=True))
    if extensions is not None:
        kept = {_named(item): item for item in items(items(fields["extensions"])[0])} | dict(extensions)
        fields["extensions"] = explicit(3, sequence(*kept.values()))
    signed = structure(fields, body or {})
    by = by or signer(issued.issuer or issued)
    whole = {
        "tbsCertificate": signed,
        "signatureAlgorithm": by.algorithm.identifier,
        "signature": bits(by.sign(signed)),
    }
    return structure(whole, outer or {})


def reissued(issued: Issued, **changes: object) -> Issued:
    """Return the same as a certificate of the same key; only for what the library reads at all."""
    return with_key(issued, reissued_der(issued, **changes))


def with_key(issued: Issued, encoded: bytes) -> Issued:
    """Return a certificate with the key and the issuer of another."""
    return Issued(x509.load_der_x509_certificate(encoded), issued.key, issued.issuer)


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return an Extension of X.509, whose `critical` is written only where it is true."""
    return sequence(oid(dotted), boolean(value=True) if critical else b"", octets(value))


def utc(text: str) -> bytes:
    """Return a UTCTime."""
    return bytes(parser.emit(0, 0, 23, text.encode()))


def items(encoded: bytes) -> list[bytes]:
    """Return the encodings inside a constructed one."""
    rest, found = parser.parse(encoded)[4], []
    while rest:
        size = parser.peek(rest)
        found.append(rest[:size])
        rest = rest[size:]
    return found


def _named(encoded: bytes) -> str:
    return core.ObjectIdentifier.load(items(encoded)[0]).dotted


def until(begin: datetime, end: datetime) -> Fields:
    """Return the field `validity` with these ends."""
    return {"validity": sequence(*(utc(moment.strftime("%y%m%d%H%M%SZ")) for moment in (begin, end)))}


def usage(*names: str) -> bytes:
    """Return the value of keyUsage with these bits."""
    return key_usage(*names)[0].public_bytes()
