"""Names of servers: DNS host names in the one form that this project knows, and https URLs.

A host name is what a public CA may certify (docs/spec, I8): labels of letters, digits and hyphens, in lower-case
A-labels (RFC 5890), without final dot, and no IP address. CA, VAS, client, sidecar and directory mean the same by it.
What a person or a program gives is brought into this form once, by `host_name_of`.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

import idna
from cryptography import x509

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# How a number ends an IPv4 address for browsers (WHATWG URL, "ends in a number") and for getaddrinfo (0x7f000001).
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_URL: Final = re.compile(r"https://(?:\[(?P<address>[^]]*)\]|(?P<host>[^:/[]*))(?::(?P<port>[0-9]{1,5}))?(?:/[!-~]*)?")
_HIGHEST_PORT: Final = 65535


def host_name(text: str) -> str:
    """Return a host name in lower case; raises `InputError` for what is none (rule I8)."""
    name = text.lower()
    labels = name.split(".")
    if len(name) > LIMITS.server_name_length or not all(map(_LABEL.fullmatch, labels)):
        expected = "dot-separated labels of a-z, 0-9 and '-' (A-labels), without final dot"
        raise InputError(f"{text!r} is no host name; expected {expected}")
    if _NUMBER.fullmatch(labels[-1]):
        raise InputError(f"{text!r} is no host name but reads as an IP address; give it as one")
    return name


def host_name_of(text: str) -> str:
    """Return the host name that a person or a program means, perhaps in other scripts, perhaps with a final dot.

    Mapped by UTS 46 without transitional processing and encoded by IDNA 2008: `fa\u00df.example` is never
    `fass.example`. Raises `InputError`.
    """
    undotted = text.removesuffix(".")
    try:
        if not undotted.isascii():
            undotted = idna.encode(undotted, uts46=True, transitional=False, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise InputError(f"{text!r} is no host name ({error})") from error
    return host_name(undotted)


@lru_cache(LIMITS.remembered_certificates)
def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names that a certificate is for, as they stand there, in its order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def stands_for(pattern: str, name: str) -> bool:
    """Tell whether a certificate's DNS name stands for a host name in its normal form (RFC 9525 section 6.3).

    A wildcard is the whole left-most label, and stands for exactly one.
    """
    wildcard, _, parent = pattern.lower().partition(".")
    return pattern.lower() == name or (wildcard == "*" and parent == name.partition(".")[2] != "")


def check_https_url(text: str) -> None:
    """Refuse, as `InputError`, what is no https URL of a host (name or address), perhaps a port, and a path."""
    fault = InputError(f"{text!r} is no https URL; expected for example https://vas.example.test:8443/")
    parts = _URL.fullmatch(text)
    if parts is None or not 0 < int(parts["port"] or 443) <= _HIGHEST_PORT:
        raise fault
    try:
        if parts["address"] is not None:
            ipaddress.IPv6Address(parts["address"])
        elif not _is_ipv4(parts["host"]):
            host_name(parts["host"])
    except (ValueError, InputError) as error:
        raise fault from error


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
