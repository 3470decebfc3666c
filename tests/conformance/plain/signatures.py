"""K3 and K7: which keys and signature algorithms there are. The arithmetic is `cryptography`'s, nothing else is."""

import hashlib
from dataclasses import dataclass, field

from asn1crypto import core, parser
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.conformance.plain import der
from tests.conformance.plain.der import Value
from tests.conformance.plain.refusal import expect

_CURVES = {
    "1.2.840.10045.3.1.7": ("P-256", ec.SECP256R1()),
    "1.3.132.0.34": ("P-384", ec.SECP384R1()),
    "1.3.132.0.35": ("P-521", ec.SECP521R1()),
}
_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_SIGNATURES = {
    "1.2.840.10045.4.3.2": ("ECDSA", "sha256"),
    "1.2.840.10045.4.3.3": ("ECDSA", "sha384"),
    "1.2.840.10045.4.3.4": ("ECDSA", "sha512"),
    "1.2.840.113549.1.1.11": ("PKCS1", "sha256"),
    "1.2.840.113549.1.1.12": ("PKCS1", "sha384"),
    "1.2.840.113549.1.1.13": ("PKCS1", "sha512"),
}
_PARAMETERS = {"ECDSA": None, "PKCS1": der.NULL, "PSS": der.SEQUENCE}  # which have none at all: ECDSA
_PSS, _MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_HASHES = {
    "sha1": hashes.SHA1(),  # noqa: S303 which are allowed is said above
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"


@dataclass(frozen=True)
class Algorithm:
    """A signature scheme with its digest."""

    scheme: str
    digest: str


@dataclass(frozen=True)
class Key:
    """A public key: `kind` is RSA, the curve's name, or another's identifier, which nothing here can use."""

    kind: str
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | None = field(compare=False)
    spki: bytes
    bits: bytes  # of the BIT STRING: what OCSP hashes

    @property
    def for_signing(self) -> bool:
        """Whether K3 has it, for vouchers, their authorities, directories and status."""
        if self.kind == "RSA":
            return 2048 <= self.public.key_size <= 8192
        return self.kind in {"P-256", "P-384"}

    @property
    def for_servers(self) -> bool:
        """Whether K7 has it, in a server's path."""
        return self.for_signing or self.kind == "P-521"


def key(value: Value) -> Key:
    """Return the key of a SubjectPublicKeyInfo; RSA keys that would take long are refused (K7)."""
    fields = der.Fields(value)
    named, material = fields.take(), der.bits(fields.take())
    fields.end()
    check_identifier(named)
    algorithm = der.Fields(named)
    name = der.oid(algorithm.take())
    if name == _RSA:
        expect(algorithm.take(der.NULL), "RSA without NULL")
        numbers = der.Fields(der.read(material))
        n, e = der.integer(numbers.take()), der.integer(numbers.take())
        expect(n.bit_length() <= 16_384, "an RSA modulus of more than 16,384 bits")
        expect(e.bit_length() <= 64, "an RSA exponent of more than 64 bits")
        expect(n > 0 and e > 2 and n % 2 and e % 2, "no RSA key")
        return Key("RSA", rsa.RSAPublicNumbers(e, n).public_key(), value.raw, material)
    curve = der.oid(algorithm.take(der.OID)) if name == _EC else ""
    if curve not in _CURVES:
        return Key(curve or name, None, value.raw, material)
    kind, group = _CURVES[curve]
    expect(material[:1] == b"\x04", "a point that is compressed")
    try:
        return Key(kind, ec.EllipticCurvePublicKey.from_encoded_point(group, material), value.raw, material)
    except ValueError:
        return der.fail("no point of its curve")


def check_identifier(value: Value) -> None:
    """Refuse what is no AlgorithmIdentifier: a name, and parameters or none, for K3's of their type."""
    fields = der.Fields(value)
    scheme, _ = (_SIGNATURES | {_PSS: ("PSS", "")}).get(der.oid(fields.take()), ("", ""))
    expect(len(value.items) <= 2, "an algorithm with two parameters")
    for parameters in value.items[1:]:
        expect(parameters.tag == _PARAMETERS.get(scheme, parameters.tag), "parameters of another type")


def digest_named(value: Value) -> str:
    """Return a digest: SHA-2 without parameters (O3)."""
    fields = der.Fields(value)
    name = der.oid(fields.take())
    fields.end()
    expect(name in _DIGESTS, f"digest {name}")
    return _DIGESTS[name]


def algorithm_named(value: Value) -> Algorithm:
    """Return the signature algorithm of an AlgorithmIdentifier with its parameters (K3)."""
    fields = der.Fields(value)
    name = der.oid(fields.take())
    if name == _PSS:
        for digest in _DIGESTS.values():
            if value.raw == _pss_identifier(digest):
                return Algorithm("PSS", digest)
        return der.fail("PSS with other parameters")
    expect(name in _SIGNATURES, f"signature algorithm {name}")
    scheme, digest = _SIGNATURES[name]
    if scheme == "PKCS1":
        fields.maybe(der.NULL)  # RFC 4055 section 5: with and without
    fields.end()
    return Algorithm(scheme, digest)


def verifies(public: Key, algorithm: Algorithm, signature: bytes, data: bytes) -> bool:
    """Tell whether the signature is the key's over the data."""
    digest = _HASHES[algorithm.digest]
    try:
        if algorithm.scheme == "ECDSA" and public.kind in {"P-256", "P-384", "P-521"}:
            public.public.verify(signature, data, ec.ECDSA(digest))
        elif algorithm.scheme == "PKCS1" and public.kind == "RSA":
            public.public.verify(signature, data, padding.PKCS1v15(), digest)
        elif algorithm.scheme == "PSS" and public.kind == "RSA":
            masked = padding.PSS(padding.MGF1(digest), digest.digest_size)
            public.public.verify(signature, data, masked, digest)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _pss_identifier(digest: str) -> bytes:
    """Return the one AlgorithmIdentifier of PSS with a digest: the same in MGF1, a salt as long as the digest."""
    name = next(dotted for dotted, known in _DIGESTS.items() if known == digest)
    hashed = _sequence(_oid(name), b"\x05\x00")
    mask = _sequence(_oid(_MGF1), hashed)
    salt = bytes((2, 1, hashlib.new(digest).digest_size))
    return _sequence(_oid(_PSS), _sequence(*(_tagged(tag, each) for tag, each in enumerate((hashed, mask, salt)))))


def _sequence(*items: bytes) -> bytes:
    return parser.emit(0, 1, 16, b"".join(items))


def _tagged(tag: int, item: bytes) -> bytes:
    return parser.emit(2, 1, tag, item)


def _oid(dotted: str) -> bytes:
    return core.ObjectIdentifier(dotted).dump()
