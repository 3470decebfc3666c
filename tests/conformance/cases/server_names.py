# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4, I8: when a certificate is for the server that a client asked for (RFC 9525), and what constraints allow."""

from collections.abc import Sequence

from tests.conformance.parts.certificates import ALTERNATIVE_NAME, NAME_CONSTRAINTS, extension, reissued
from tests.conformance.parts.der import implicit, integer, sequence
from tests.conformance.parts.directories import content, entry, signed, text
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, ENTRIES, HOST, accepted, listing, of, refused
from tests.pki import DAY, NOW, SERVER_AUTH, Issued, ca_extensions, issue, key, leaf_extensions

_ISSUING = ALDER.issuing
_SPAN = (NOW - DAY, NOW + 90 * DAY)


def _dns(text_: str) -> bytes:
    return bytes((0x82, len(text_))) + text_.encode()


def _ip(*octets: int) -> bytes:
    return bytes((0x87, len(octets), *octets))


_MAIL = b"\x81\x12admin@example.test"
_URI = b"\x86\x18https://www.example.test"
_DIRECTORY_NAME = b"\xa4\x02\x30\x00"


def _site(*names: bytes, subject: str = "a server", parent: Issued = _ISSUING) -> Issued:
    """Return an end entity with these GeneralNames and no word of them in its subject."""
    made = issue(subject, key(HOST), parent, leaf_extensions(SERVER_AUTH, [HOST]), span=_SPAN)
    return reissued(made, extensions={ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, sequence(*names))})


def _taken(site: Issued, name: str = HOST) -> Situation:
    return accepted(of(BIRCH, site), chain=site.chain_der, server_name=name)


def _untrusted(site: Issued, name: str = HOST) -> Situation:
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der, server_name=name)


_WILDCARDS = {
    "two labels": ("*.example.test", "a.b.example.test"),
    "no label": ("*.example.test", "example.test"),
    "a part of a label": ("w*.example.test", HOST),
    "a part of a label at its end": ("*w.example.test", HOST),
    "the second label": ("www.*.test", HOST),
    "two wildcards": ("*.*.test", HOST),
    "every name": ("*", HOST),
    "another suffix": ("*.test", HOST),
    "a sibling that ends alike": ("*.example.test", "www.evilexample.test"),
}


@case("C4", over=_WILDCARDS)
def c4_wildcard_for(names: tuple[str, str]) -> Situation:
    """A wildcard is taken for {}. RFC 9525 section 6.3: the whole left-most label, and exactly one."""
    return _untrusted(_site(_dns(names[0])), names[1])


_NEAR = {
    "a domain above": ("example.test", HOST),
    "a domain below": (HOST, "a.www.example.test"),
    "a name that ends alike": ("example.test", "evilexample.test"),
    "a final dot": ("www.example.test.", HOST),
    "an underscore": ("www_example.test", "www-example.test"),
    "nothing": ("", HOST),
}


@case("C4", over=_NEAR)
def c4_near_name(names: tuple[str, str]) -> Situation:
    """The certificate's one name is not the server's, but near it: {}."""
    return _untrusted(_site(_dns(names[0])), names[1])


_NO_HOST_NAMES = {
    "two final dots": "www.example.test..",
    "an underscore": "www_1.example.test",
    "an empty label": "www..example.test",
    "a hyphen in front": "-www.example.test",
    "a space": "www example.test",
    "digits at its end": "www.1",
    "a hexadecimal number at its end": "www.0x7f",
    "no more than the sign of one at its end": "www.0x",
    "a label of 64 octets": "a" * 64 + ".test",
    "254 octets": ".".join(["a" * 62] * 4) + ".ab",
}


@case("C4", "I8", over=_NO_HOST_NAMES)
def i8_server_name_with(name: str) -> Situation:
    """The client is asked to go to a name with {}. No certificate is for such a name, though one bears it."""
    return _untrusted(_site(_dns(name[:127])), name)


_SPELLINGS = {
    "capitals in the certificate": ("WWW.Example.TEST", HOST),
    "capitals in the name": (HOST, "WWW.Example.TEST"),
    "capitals in a wildcard": ("*.Example.TEST", HOST),
    "a final dot in the name": (HOST, "www.example.test."),
    "another script": ("xn--bcher-kva.example", "b\u00fccher.example"),
    "another script in capitals": ("xn--bcher-kva.example", "B\u00dcCHER.example"),
    "sharp s": ("xn--fa-hia.example", "fa\u00df.example"),
    "what only begins as a number": ("www.0xg", "www.0xg"),
    "253 octets": (".".join(["a" * 62] * 4) + ".a", ".".join(["a" * 62] * 4) + ".a"),
}


@case("C4", "I8", over=_SPELLINGS)
def i8_spelling(names: tuple[str, str]) -> Situation:
    """Certificate and client write one name differently: {}. I8 brings what a person types into one form."""
    in_certificate, asked = names
    name = _dns(in_certificate) if len(in_certificate) < 128 else b"\x82\x81\xfd" + in_certificate.encode()
    return _taken(_site(name), asked)


@case("C4", "I8")
def i8_sharp_s_is_no_ss() -> Situation:
    """The client goes to fa\u00df.example; the certificate is for fass.example, which IDNA 2003 made of it."""
    return _untrusted(_site(_dns("fass.example")), "fa\u00df.example")


@case("C4")
def c4_second_name() -> Situation:
    """The server's name is the second of three in the certificate."""
    return _taken(_site(_dns("example.test"), _dns(HOST), _ip(198, 18, 0, 10)))


@case("C4")
def c4_common_name() -> Situation:
    """The subject's common name is the server's, the alternative name another's (RFC 9525 section 2)."""
    return _untrusted(_site(_dns("other.test"), subject=HOST))


@case("C4")
def c4_common_name_beside_an_address() -> Situation:
    """The subject's common name is the server's; there is no DNS name but an address."""
    return _untrusted(_site(_ip(198, 18, 0, 10), subject=HOST))


_ADDRESSES = {
    "another address": (_ip(198, 18, 0, 11), "198.18.0.10"),
    "the address as a DNS name": (_dns("198.18.0.10"), "198.18.0.10"),
    "the IPv4-mapped address": (_ip(*bytes(10), 255, 255, 198, 18, 0, 10), "198.18.0.10"),
    "the address under a wildcard": (_dns("*.18.0.10"), "198.18.0.10"),
    "a name only": (_dns(HOST), "198.18.0.10"),
}


@case("C4", over=_ADDRESSES)
def c4_address_and(names: tuple[bytes, str]) -> Situation:
    """The client goes to an address; the certificate has {}."""
    return _untrusted(_site(names[0]), names[1])


@case("C4", "I5")
def c4_ipv6_address() -> Situation:
    """The client goes to 2001:db8::10, for which the certificate is."""
    return _taken(_site(_ip(0x20, 0x01, 0x0D, 0xB8, *bytes(11), 0x10)), "2001:db8::10")


# Name constraints


def _constraints(permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = (), more: bytes = b"") -> bytes:
    parts = ((0, permitted), (1, excluded))
    trees = (implicit(tag, sequence(*(sequence(base, more) for base in bases))) for tag, bases in parts if bases)
    return extension(NAME_CONSTRAINTS, sequence(*trees), critical=True)


def _constrained(permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = (), more: bytes = b"") -> Issued:
    """Return alder's issuing CA with these constraints."""
    return reissued(_ISSUING, extensions={NAME_CONSTRAINTS: _constraints(permitted, excluded, more)})


_ALLOWED = {
    "the domain permitted": ((_dns("example.test"),), ()),
    "the very name permitted": ((_dns(HOST),), ()),
    "a domain in capitals permitted": ((_dns("Example.TEST"),), ()),
    "one of two domains permitted": ((_dns("other.test"), _dns("example.test")), ()),
    "only addresses permitted": ((_ip(10, 0, 0, 0, 255, 0, 0, 0),), ()),
    "another domain excluded": ((), (_dns("other.test"),)),
    "a name that ends alike excluded": ((), (_dns("ample.test"),)),
    "a name below excluded": ((), (_dns("a.www.example.test"),)),
    "mail permitted at another domain": ((_MAIL,), ()),
}
_FORBIDDEN = {
    "another domain permitted": ((_dns("other.test"),), ()),
    "a name that ends alike permitted": ((_dns("ample.test"),), ()),
    "a name below permitted": ((_dns("a.www.example.test"),), ()),
    "the domain excluded": ((), (_dns("example.test"),)),
    "the very name excluded": ((), (_dns(HOST),)),
    "the domain in capitals excluded": ((), (_dns("Example.TEST"),)),
    "the domain permitted and the name excluded": ((_dns("example.test"),), (_dns(HOST),)),
    "a leading dot permitted": ((_dns(".example.test"),), ()),
    "a leading dot excluded": ((), (_dns(".other.test"),)),
    "no name permitted": ((_dns(""),), ()),
    "no name excluded": ((), (_dns(""),)),
}


@case("C4", over=_ALLOWED)
def c4_constraint_with(trees: tuple[Sequence[bytes], Sequence[bytes]]) -> Situation:
    """The issuing CA is constrained, critically: {}. The server's name is within."""
    return _taken(_site(_dns(HOST), parent=_constrained(*trees)))


@case("C4", over=_FORBIDDEN)
def c4_constraint_against(trees: tuple[Sequence[bytes], Sequence[bytes]]) -> Situation:
    """The issuing CA is constrained, critically: {}. The server's name is outside (RFC 5280 section 4.2.1.10)."""
    return _untrusted(_site(_dns(HOST), parent=_constrained(*trees)))


_ON_ADDRESSES = {
    "inside": ((_ip(198, 18, 0, 0, 255, 254, 0, 0),), ()),
    "the very one": ((_ip(198, 18, 0, 10, 255, 255, 255, 255),), ()),
    "outside what is excluded": ((), (_ip(198, 18, 1, 0, 255, 255, 255, 0),)),
    "of another kind than constrained names": ((_dns("other.test"),), ()),
}
_ON_OTHER_ADDRESSES = {
    "outside": ((_ip(198, 19, 0, 0, 255, 255, 0, 0),), ()),
    "excluded": ((), (_ip(198, 18, 0, 0, 255, 254, 0, 0),)),
    "of another family than what is permitted": ((_ip(*bytes(32)),), ()),
}


@case("C4", over=_ON_ADDRESSES)
def c4_constrained_address(trees: tuple[Sequence[bytes], Sequence[bytes]]) -> Situation:
    """The issuing CA is constrained; the server's address is {}."""
    return _taken(_site(_ip(198, 18, 0, 10), parent=_constrained(*trees)), "198.18.0.10")


@case("C4", over=_ON_OTHER_ADDRESSES)
def c4_constrained_address_is(trees: tuple[Sequence[bytes], Sequence[bytes]]) -> Situation:
    """The issuing CA is constrained; the server's address is {}."""
    return _untrusted(_site(_ip(198, 18, 0, 10), parent=_constrained(*trees)), "198.18.0.10")


@case("C4")
def c4_constraint_on_every_name() -> Situation:
    """The issuing CA is constrained to example.test; of the certificate's two names one is elsewhere."""
    return _untrusted(_site(_dns(HOST), _dns("www.other.test"), parent=_constrained((_dns("example.test"),))))


@case("C4")
def c4_constraint_and_wildcard() -> Situation:
    """The issuing CA is constrained to example.test; the certificate is for every name there."""
    return _taken(_site(_dns("*.example.test"), parent=_constrained((_dns("example.test"),))))


@case("C4")
def c4_constraint_above() -> Situation:
    """The upper of two CAs is constrained to other.test: that holds for all below it."""
    upper = ALDER.subordinate("upper CA", ALDER.root, None)
    upper = reissued(upper, extensions={NAME_CONSTRAINTS: _constraints((_dns("other.test"),))})
    return _untrusted(_site(_dns(HOST), parent=ALDER.subordinate("lower CA", upper)))


@case("C4")
def c4_constraint_on_a_ca() -> Situation:
    """The upper CA is constrained to example.test, as the server's name is; the lower CA itself bears another name."""
    upper = ALDER.subordinate("upper CA", ALDER.root, None)
    upper = reissued(upper, extensions={NAME_CONSTRAINTS: _constraints((_dns("example.test"),))})
    names = {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, sequence(_dns("ca.other.test")))}
    return _untrusted(_site(_dns(HOST), parent=reissued(ALDER.subordinate("lower CA", upper), extensions=names)))


@case("C4")
def c4_constraint_on_a_self_issued_ca() -> Situation:
    """The upper CA, constrained to example.test, certified its new key under a name elsewhere.

    RFC 5280 section 6.1.3: the names of a self-issued CA are passed over.
    """
    upper = ALDER.subordinate("upper CA", ALDER.root, None)
    upper = reissued(upper, extensions={NAME_CONSTRAINTS: _constraints((_dns("example.test"),))})
    new = key("alder upper CA, new")
    anew = issue("alder upper CA", new, upper, ca_extensions(new, None), span=_SPAN)
    names = {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, sequence(_dns("ca.other.test")))}
    site = _site(_dns(HOST), parent=reissued(anew, extensions=names))
    return accepted(of(BIRCH, site), chain=site.chain_der, directory=listing(new))


@case("C4", "D5")
def c4_constraint_of_a_root() -> Situation:
    """The root itself is constrained to other.test."""
    root = reissued(ALDER.root, extensions={NAME_CONSTRAINTS: _constraints((_dns("other.test"),))})
    listed = entry(ALDER, roots=[text(root.der)])
    return refused("untrusted", directory=signed(content(listed, *ENTRIES[1:])))


_UNPROCESSED = {"a directory name": _DIRECTORY_NAME, "a URI": _URI}


@case("C4", over=_UNPROCESSED)
def c4_constraint_and_another_kind(name: bytes) -> Situation:
    """The issuing CA is constrained on {}, critically, and the certificate bears such a name: not processed."""
    return _untrusted(_site(_dns(HOST), name, parent=_constrained((name,))))


@case("C4")
def c4_constraint_with_a_minimum() -> Situation:
    """A permitted subtree has a minimum of 1, which RFC 5280 section 4.2.1.10 does not allow."""
    more = implicit(0, integer(1))
    return _untrusted(_site(_dns(HOST), parent=_constrained((_dns("example.test"),), more=more)))
