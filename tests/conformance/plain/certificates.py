"""X.509 certificates (RFC 5280 section 4), as far as the rules look at them; every part is read on the way in."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from tests.conformance.plain import der, signatures
from tests.conformance.plain.der import Value
from tests.conformance.plain.refusal import Refused, expect

_LARGEST = 65_535  # octets
BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
SUBJECT_KEY, AUTHORITY_KEY, ALTERNATIVE_NAME = "2.5.29.14", "2.5.29.35", "2.5.29.17"
NAME_CONSTRAINTS, ACCESS, NO_CHECK = "2.5.29.30", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.48.1.5"
SERVER_AUTH, OCSP_SIGNING, ANY_PURPOSE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.9", "2.5.29.37.0"
VOUCHER_SIGNING = "1.3.6.1.4.1.32473.4.2.1"
ACCESS_BY_OCSP = "1.3.6.1.5.5.7.48.1"
MAIL, DNS_NAME, URL, IP_ADDRESS = 0x81, 0x82, 0x86, 0x87
_REGISTERED = 0x88
_GENERAL_NAMES = {0xA0, MAIL, DNS_NAME, 0xA4, URL, IP_ADDRESS, _REGISTERED}
_KEY_IDENTIFIER = 0x80
_KEY_AGREEMENT, _ENCIPHER_ONLY, _DECIPHER_ONLY = 4, 7, 8
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,./:=?-]*")
_UNIVERSAL, _BMP = 0x1C, 0x1E
_TEXTS = {der.OCTETS, der.UTF8, 0x12, der.PRINTABLE, 0x14, der.IA5, der.UTC_TIME, der.TIME, 0x1A, _UNIVERSAL, _BMP}
EMPTY_NAME = b"\x30\x00"


@dataclass(frozen=True, eq=False)
class Certificate:
    """A certificate; names are DER and compared octet for octet."""

    raw: bytes
    version: int
    serial: Value
    issuer: bytes
    subject: bytes
    begin: datetime
    end: datetime
    key: signatures.Key
    extensions: dict[str, tuple[bool, Value]]  # critical, value
    signed: bytes  # tbsCertificate
    inner_algorithm: Value
    outer_algorithm: Value
    signature: bytes

    @property
    def hash(self) -> bytes:
        """The certificate hash (I4)."""
        return hashlib.sha256(self.raw).digest()

    @property
    def key_hash(self) -> bytes:
        """The SPKI hash (I4)."""
        return hashlib.sha256(self.key.spki).digest()

    @property
    def self_issued(self) -> bool:
        """Whether its two names are the same."""
        return self.issuer == self.subject

    def valid_at(self, now: datetime) -> bool:
        """Both ends are inside (RFC 5280 section 4.1.2.5)."""
        return self.begin <= now <= self.end

    def has(self, name: str) -> bool:
        """Whether an extension is there."""
        return name in self.extensions

    def critical(self, name: str) -> bool:
        """Whether an extension is there and critical."""
        return self.has(name) and self.extensions[name][0]

    def value(self, name: str) -> Value | None:
        """Return the value of an extension."""
        return self.extensions[name][1] if self.has(name) else None

    @property
    def is_ca(self) -> bool:
        """CA of basicConstraints."""
        return self.basic_constraints[0]

    @property
    def basic_constraints(self) -> tuple[bool, int | None]:
        """CA, and the path length if there is one; neither where there are no basicConstraints."""
        value = self.value(BASIC_CONSTRAINTS)
        if value is None:
            return False, None
        fields = der.Fields(value)
        flag, length = fields.maybe(der.BOOLEAN), fields.maybe(der.INTEGER)
        fields.end()
        expect(flag is None or der.boolean(flag), "CA FALSE is the default, and written")
        return flag is not None, None if length is None else der.integer(length)

    def usage(self, bit: int) -> bool:
        """Whether a bit of keyUsage is set: 0 digitalSignature, 5 keyCertSign, 6 cRLSign."""
        value = self.value(KEY_USAGE)
        return value is not None and len(value.content) > 1 + bit // 8 and value.content[1 + bit // 8] << bit % 8 & 0x80

    @property
    def purposes(self) -> list[str] | None:
        """What extendedKeyUsage names."""
        value = self.value(EXTENDED_KEY_USAGE)
        return None if value is None else der.list_of(value, der.oid, 1, 1000)

    def names(self, kind: int) -> list[bytes]:
        """Return the subject alternative names of a kind."""
        value = self.value(ALTERNATIVE_NAME)
        return [] if value is None else [item.content for item in value.items if item.tag == kind]

    @property
    def names_a_key(self) -> bool:
        """Whether the authority key identifier, if there is one, has a keyIdentifier."""
        value = self.value(AUTHORITY_KEY)
        return value is None or any(item.tag == _KEY_IDENTIFIER for item in value.items)

    @property
    def has_ocsp_url(self) -> bool:
        """Whether authorityInfoAccess names a responder."""
        value = self.value(ACCESS)
        descriptions = [] if value is None else der.list_of(value, _access, 1, 1000)
        return any(method == ACCESS_BY_OCSP and place.tag == URL for method, place in descriptions)


@cache
def load(octets: bytes) -> Certificate:
    """Return the certificate of these octets."""
    expect(len(octets) <= _LARGEST, "a certificate of more than 65,535 octets")
    value = der.read(octets)
    outer = der.Fields(value)
    signed, outer_algorithm, signature = outer.take(der.SEQUENCE), outer.take(der.SEQUENCE), der.bits(outer.take())
    outer.end()
    body = der.Fields(signed)
    version = body.maybe(0xA0)
    expect(version is None or der.integer(der.inside(version)), "version 1 is the default, and written")
    serial, inner_algorithm, issuer = body.take(der.INTEGER), body.take(der.SEQUENCE), body.take(der.SEQUENCE)
    validity, subject, public = der.Fields(body.take()), body.take(der.SEQUENCE), body.take(der.SEQUENCE)
    begin, end = der.certificate_time(validity.take()), der.certificate_time(validity.take())
    validity.end()
    for unique_identifier in (0x81, 0x82):
        body.maybe(unique_identifier)
    extensions = body.maybe(0xA3)
    body.end()
    found = Certificate(
        raw=value.raw,
        version=0 if version is None else der.integer(der.inside(version)),
        serial=serial,
        issuer=issuer.raw,
        subject=subject.raw,
        begin=begin,
        end=end,
        key=signatures.key(public),
        extensions={} if extensions is None else _extensions(der.inside(extensions)),
        signed=signed.raw,
        inner_algorithm=inner_algorithm,
        outer_algorithm=outer_algorithm,
        signature=signature,
    )
    _read_everything(found)
    return found


def _extensions(value: Value) -> dict[str, tuple[bool, Value]]:
    found: dict[str, tuple[bool, Value]] = {}
    for item in der.list_of(value, der.Fields, 1, 1000):
        name, critical = der.oid(item.take()), item.maybe(der.BOOLEAN)
        expect(critical is None or der.boolean(critical), "critical FALSE is the default, and written")
        encoded = der.octets(item.take())
        item.end()
        expect(name not in found, "an extension twice")
        known = name in _KNOWN
        found[name] = (critical is not None, der.read(encoded) if known else Value(der.OCTETS, encoded, encoded))
    return found


_KNOWN = {
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    EXTENDED_KEY_USAGE,
    SUBJECT_KEY,
    AUTHORITY_KEY,
    ALTERNATIVE_NAME,
    NAME_CONSTRAINTS,
    ACCESS,
    NO_CHECK,
}


def _access(value: Value) -> tuple[str, Value]:
    """Return what an AccessDescription says: the method and a GeneralName."""
    fields = der.Fields(value)
    method, place = der.oid(fields.take()), fields.take(*_GENERAL_NAMES)
    fields.end()
    return method, place


def _read_authority_key(value: Value) -> None:
    """Refuse an AuthorityKeyIdentifier with other fields than its three, or in another order."""
    fields = der.Fields(value)
    _, issuer, serial = (fields.maybe(tag) for tag in (_KEY_IDENTIFIER, 0xA1, 0x82))
    fields.end()
    expect((issuer is None) == (serial is None), "an issuer without its serial number, or that alone")


def _read_everything(found: Certificate) -> None:
    """Refuse what cannot be read, whether it is asked for or not."""
    _ = found.basic_constraints, found.purposes, found.has_ocsp_url
    expect(found.version in {0, 2}, "a version that is neither 1 nor 3")
    alone = found.usage(_ENCIPHER_ONLY) or found.usage(_DECIPHER_ONLY)
    expect(not alone or found.usage(_KEY_AGREEMENT), "encipherOnly or decipherOnly without keyAgreement")
    access = found.value(ACCESS)
    for item in [] if access is None else access.items:
        place = item.items[-1]
        expect(place.tag != URL or place.content.isascii(), "a URL that is no IA5String")
    for name in (found.issuer, found.subject):
        _read_name(name)
    for algorithm in (found.inner_algorithm, found.outer_algorithm):
        signatures.check_identifier(algorithm)
    if found.has(SUBJECT_KEY):
        der.octets(found.value(SUBJECT_KEY))
    if found.has(AUTHORITY_KEY):
        _read_authority_key(found.value(AUTHORITY_KEY))
    usage, names = found.value(KEY_USAGE), found.value(ALTERNATIVE_NAME)
    expect(usage is None or usage.tag == der.BITS, "keyUsage is no BIT STRING")
    expect(names is None or names.tag == der.SEQUENCE, "subjectAltName is no SEQUENCE")
    for item in [] if names is None else names.items:
        expect(item.tag in _GENERAL_NAMES, "a name of no kind")
        expect(item.tag not in {MAIL, DNS_NAME, URL} or item.content.isascii(), "a name that is no IA5String")
        expect(item.tag != IP_ADDRESS or len(item.content) in {4, 16}, "an address of another length")
        expect(item.tag != _REGISTERED or item.content[-1:] < b"\x80", "a registered name that is cut")
    authority, length = found.is_ca, found.basic_constraints[1]
    expect(length is None or authority, "a path length of no CA")
    expect(length is None or length >= 0, "a negative path length")
    constraints = found.value(NAME_CONSTRAINTS)
    expect(constraints is None or constraints.items, "name constraints of nothing")
    for subtrees in [] if constraints is None else constraints.items:
        expect(subtrees.items, "an empty list of subtrees")
        for subtree in subtrees.items:
            _read_subtree(der.Fields(subtree))


def _read_subtree(fields: der.Fields) -> None:
    """Refuse a subtree of another structure; one with a minimum or maximum can be read."""
    base, minimum = fields.take(*_GENERAL_NAMES), fields.maybe(0x80)
    fields.maybe(0x81)
    fields.end()
    expect(minimum is None or minimum.content != b"\0", "a minimum of 0 is the default, and written")
    if base.tag == IP_ADDRESS:
        size = len(base.content)
        expect(size in {8, 32}, "a network of another length")
        mask = f"{int.from_bytes(base.content[size // 2 :]):0{4 * size}b}"
        expect("01" not in mask, "a mask with ones behind zeros")


def _read_name(name: bytes) -> None:
    """Refuse a text that is not what its type says."""
    for relative in der.read(name).items:
        expect(relative.tag == der.SET and relative.items, "a RelativeDistinguishedName of nothing")
        said = [tuple(part.content for part in item.items) for item in relative.items]
        expect(len(set(said)) == len(said), "a RelativeDistinguishedName that says one thing twice")
        for item in relative.items:
            fields = der.Fields(item)
            der.oid(fields.take())
            text = fields.take()
            fields.end()
            expect(text.tag in _TEXTS, "a value in a name that is no text")
            expect(_decodes(text), "a text in other octets than its own")
            expect(text.tag != der.PRINTABLE or _PRINTABLE.fullmatch(text.content), "a PrintableString that is none")
            expect(text.tag != der.IA5 or text.content.isascii(), "an IA5String that is none")


def _decodes(text: Value) -> bool:
    try:
        text.content.decode({_BMP: "utf-16-be", _UNIVERSAL: "utf-32-be"}.get(text.tag, "utf-8"))
    except UnicodeDecodeError:
        return False
    return True


def issued_by(child: Certificate, issuer: Certificate) -> bool:
    """Tell whether the issuer's name stands in a certificate and its key signed it, by an algorithm of K3."""
    if child.issuer != issuer.subject or child.inner_algorithm.raw != child.outer_algorithm.raw:
        return False
    return _signed(child, issuer.key)


@cache
def _verifies(key: signatures.Key, algorithm: signatures.Algorithm, signature: bytes, data: bytes) -> bool:
    return signatures.verifies(key, algorithm, signature, data)


def _signed(child: Certificate, key: signatures.Key) -> bool:
    try:
        algorithm = signatures.algorithm_named(child.outer_algorithm)
    except Refused:
        return False
    return _verifies(key, algorithm, child.signature, child.signed)


def check_sound(found: Certificate) -> None:
    """Refuse what no certificate may be, whatever its place."""
    expect(found.version == 2, "not of version 3")
    expect(len(found.serial.content) <= 21, "a serial number of more than 20 octets")
    expect(found.serial.content[0] < 0x80, "a negative serial number")


def check_extensions(found: Certificate, processed: set[str]) -> None:
    """Refuse a critical extension that is not processed."""
    for name, (critical, _) in found.extensions.items():
        expect(not critical or name in processed, f"critical extension {name}")
