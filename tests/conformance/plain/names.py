"""Host names (I8), and when a certificate's name stands for one (RFC 9525)."""

import ipaddress
import re

import idna

from tests.conformance.plain.refusal import expect

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 253


def is_host_name(text: str) -> bool:
    """Tell whether a text is a host name in its normal form."""
    labels = text.split(".")
    if len(text) > _LONGEST:
        return False
    if not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not _NUMBER.fullmatch(labels[-1])


def host_name(text: str) -> str:
    """Return the host name that a person means (the end of I8)."""
    name = text.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, transitional=False, std3_rules=True).decode()
        except idna.IDNAError:
            name = ""
    name = name.lower()
    expect(is_host_name(name), f"{text!r} is no host name")
    return name


def address(text: str) -> bytes | None:
    """Return the octets of an IP address in text, an IPv4-mapped one as IPv4 (I5)."""
    try:
        packed = ipaddress.ip_address(text).packed
    except ValueError:
        return None
    return unmapped(packed)


def unmapped(packed: bytes) -> bytes:
    """Return the IPv4 address inside an IPv4-mapped one (I5)."""
    return packed[12:] if is_mapped(packed) else packed


def is_mapped(packed: bytes) -> bool:
    """Tell whether an address is IPv4-mapped."""
    return len(packed) == 16 and packed[:12] == bytes(10) + b"\xff\xff"


def stands_for(pattern: str, name: str) -> bool:
    """Tell whether a dNSName stands for a host name: the same, or `*` for its whole left-most label."""
    pattern = pattern.lower()
    if pattern.startswith("*."):
        label, dot, parent = name.partition(".")
        return bool(label and dot) and pattern[2:] == parent
    return pattern == name
