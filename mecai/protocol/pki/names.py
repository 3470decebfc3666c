"""Names of servers: DNS host names in the one form that this project compares, and https URLs.

A host name is compared in lower-case A-labels without trailing dot (RFC 5890).
"""

import ipaddress
import re

from cryptography import x509

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_URL = re.compile(r"https://(?:\[(?P<address>[^]]*)\]|(?P<host>[^:/[]*))(?::(?P<port>[0-9]{1,5}))?(?:/[!-~]*)?")
_HIGHEST_PORT = 65535


def host_name(text: str) -> str:
    """Return the normal form of a host name; raises `InputError` for what is none.

    A name in other scripts has to be converted to A-labels by whoever took it from a person, once, so that SNI, the
    certificate and the selection of authorities all speak of the same name.
    """
    name = text.lower().removesuffix(".")
    if len(name) > LIMITS.server_name_length or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise InputError(f"{text!r} is no host name; expected dot-separated labels of a-z, 0-9 and '-' (A-labels)")
    return name


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
        else:
            host_name(parts["host"])
    except (ValueError, InputError) as error:
        raise fault from error
