# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""R2, R3, the octets of a VoucherRequest: what a VAS reads before it looks at anything else."""

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.parts.certificates import reissued_der
from tests.conformance.parts.der import NULL, explicit, ia5, implicit, integer, octets, sequence, structure
from tests.conformance.parts.voucher import addresses
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, HOST, SITE

_LARGEST = 64 * 1024
_MANY = [f"198.18.1.{number}" for number in range(1, 18)]
_FIELDS = {
    "version": integer(1),
    "certificate": octets(SITE.der),
    "intermediates": sequence(octets(ALDER.issuing.der)),
    "addresses": addresses("198.18.0.10"),
    "port": integer(443),
    "serverName": b"",
    "succession": b"",
    "more": b"",
}


def _read(
    fields: dict[str, bytes], *, probed: tuple[str, ...] = ("198.18.0.10",), port: int = 443, name: str | None = None
) -> Situation:
    """Accept the request with these fields, and read in it what has to be probed."""
    expected = {"verdict": "accepted", "addresses": probed, "port": port, "serverName": name}
    return Situation("request", {"request": structure(_FIELDS, fields)}, expected)


def _octets(encoded: bytes) -> Situation:
    return Situation("request", {"request": encoded}, {"verdict": "refused", "reason": "malformed"})


def _malformed(**fields: bytes) -> Situation:
    return _octets(structure(_FIELDS, fields))


def _named(name: str) -> bytes:
    return explicit(0, ia5(name.encode()))


@case("R3")
def r3_least() -> Situation:
    """A certificate and its intermediate, one address, port 443; no serverName and no succession."""
    return _read({})


@case("R3", "I5")
def r3_everything() -> Situation:
    """Two addresses, one of each kind, another port, a serverName, a succession; its octets are another rule's."""
    both = ("198.18.0.10", "2001:db8::10")
    fields = {
        "addresses": addresses(*both),
        "port": integer(853),
        "serverName": _named(HOST),
        "succession": explicit(1, octets(b"signed by the predecessor's key")),
    }
    return _read(fields, probed=both, port=853, name=HOST)


@case("R3")
def r3_no_intermediates() -> Situation:
    """The certificate's issuer is the root itself: no intermediates."""
    return _read({"intermediates": sequence()})


@case("R3")
def r3_eight_intermediates() -> Situation:
    """Eight intermediates, the most."""
    return _read({"intermediates": sequence(*[octets(ALDER.issuing.der)] * 8)})


@case("R3")
def r3_sixteen_addresses() -> Situation:
    """Sixteen addresses, the most."""
    return _read({"addresses": addresses(*_MANY[:16])}, probed=tuple(_MANY[:16]))


@case("R3", over={"1": 1, "1023": 1023})
def r3_port_at_its_end(port: int) -> Situation:
    """The port is {}. Whether the VAS connects to it is P4's question."""
    return _read({"port": integer(port)}, port=port)


_A_LABELS = {"punycode": "xn--bcher-kva.example", "63 octets": "a" * 63 + ".test"}


@case("R3", "I8", over=_A_LABELS)
def r3_server_name_of(name: str) -> Situation:
    """The field serverName has a label of {}, which is a host name in A-labels."""
    return _read({"serverName": _named(name)}, name=name)


@case("R3", "I6", over={"empty": b"", "cut short": None, "followed by an octet": b"\0"})
def r3_octets(after: bytes | None) -> Situation:
    """The request is {}."""
    whole = structure(_FIELDS, {})
    if after is None:
        return _octets(whole[:-1])
    return _octets(whole + after if after else b"")


@case("R3", "I6")
def r3_long_length() -> Situation:
    """The outermost length is written in three octets where two suffice: BER, and not DER."""
    return _octets(b"\x30\x83\0" + structure(_FIELDS, {})[2:])


_WRONG = {
    "version 0": {"version": integer(0)},
    "version 2": {"version": integer(2)},
    "no certificate": {"certificate": octets(b"")},
    "text as certificate": {"certificate": octets(b"a certificate")},
    "a certificate and an octet": {"certificate": octets(SITE.der + b"\0")},
    "no list of intermediates": {"intermediates": b""},
    "text as intermediate": {"intermediates": sequence(octets(b"a certificate"))},
    "nine intermediates": {"intermediates": sequence(*[octets(ALDER.issuing.der)] * 9)},
    "no address": {"addresses": sequence()},
    "seventeen addresses": {"addresses": addresses(*_MANY)},
    "an address twice": {"addresses": addresses("198.18.0.10", "198.18.0.10")},
    "an address of five octets": {"addresses": sequence(octets(bytes(5)))},
    "an IPv4-mapped address": {"addresses": addresses("::ffff:198.18.0.10")},
    "port 0": {"port": integer(0)},
    "port 1024": {"port": integer(1024)},
    "port 8443": {"port": integer(8443)},
    "port minus 1": {"port": integer(-1)},
    "an empty name": {"serverName": _named("")},
    "a name of 254 octets": {"serverName": _named(".".join(["a" * 50] * 5)[:254].rstrip("."))},
    "a label of 64 octets": {"serverName": _named("a" * 64 + ".test")},
    "a wildcard as name": {"serverName": _named("*.example.test")},
    "an underscore in its name": {"serverName": _named("_dmarc.example.test")},
    "a hyphen in front of its name": {"serverName": _named("-www.example.test")},
    "a hyphen behind a label": {"serverName": _named("www-.example.test")},
    "capitals in its name": {"serverName": _named("WWW.example.test")},
    "a final dot of its name": {"serverName": _named("www.example.test.")},
    "an address for a name": {"serverName": _named("198.18.0.10")},
    "a name as UTF8String": {"serverName": explicit(0, b"\x0c" + ia5(HOST.encode())[1:])},
    "two names": {"serverName": explicit(0, ia5(HOST.encode()), ia5(HOST.encode()))},
    "a succession that is a SEQUENCE": {"succession": explicit(1, sequence())},
    "the port as OCTET STRING": {"port": octets(b"\x01\xbb")},
    "the version as OCTET STRING": {"version": octets(b"\x01")},
    "an intermediate of no octets": {"intermediates": sequence(octets(b""))},
    "a name of digits at its end": {"serverName": _named("1.2.3")},
    "a name with a space": {"serverName": _named("www example.test")},
    "a name with an empty label": {"serverName": _named("www..test")},
    "a name of UTF-8": {"serverName": explicit(0, ia5("bücher.example".encode()))},
    "a name with implicit tag": {"serverName": implicit(0, ia5(HOST.encode()))},
    "an empty succession": {"succession": explicit(1, octets(b""))},
    "an unknown field": {"more": explicit(2, NULL)},
    "fields in another order": {"port": addresses("198.18.0.10"), "addresses": integer(443)},
}


@case("R3", "I6", "I8", over=_WRONG)
def r3_request_with(fields: dict[str, bytes]) -> Situation:
    """The request has {}."""
    return _malformed(**fields)


@case("R2", "R3", over={"65536": _LARGEST, "65537": _LARGEST + 1})
def r2_octets(size: int) -> Situation:
    """The request has {} octets, because of its succession. R2: at most 64 KiB."""
    filling = size - len(structure(_FIELDS, {}))
    while len(grown := structure(_FIELDS, {"succession": explicit(1, octets(bytes(filling)))})) != size:
        filling += size - len(grown)
    expected = {"verdict": "accepted", "addresses": ["198.18.0.10"], "port": 443, "serverName": None}
    refused = {"verdict": "refused", "reason": "malformed"}
    return Situation("request", {"request": grown}, expected if size == _LARGEST else refused)


_LONGEST = ".".join(["a" * 62] * 4) + ".a"  # 253 octets


@case(
    "R3",
    "I8",
    over={"253 octets": _LONGEST, "one label": "intranet", "a digit in front": "1a.test", "hyphens": "a--b.test"},
)
def r3_good_name_of(name: str) -> Situation:
    """The field serverName has {}."""
    return _read({"serverName": _named(name)}, name=name)


@case("R3", "I8")
def r3_name_of_254_octets() -> Situation:
    """The field serverName has 254 octets, each label being short enough."""
    return _malformed(serverName=_named("a" + _LONGEST))


@case("R3", "K7")
def r3_costly_key() -> Situation:
    """An intermediate has an RSA key with an exponent of 65 bits. K7: nobody is made to work with that."""
    numbers = rsa.RSAPublicNumbers((1 << 65) - 1, (1 << 2048) - 1)
    spki = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    costly = reissued_der(ALDER.issuing, body={"subjectPublicKeyInfo": spki})
    return _malformed(intermediates=sequence(octets(costly)))
