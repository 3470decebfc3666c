"""Where to listen, as settings and options write it: an IP address and a port, such as 127.0.0.1:9786 or [::1]:9786."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

# RFC 3986, section 3.2.2: without brackets, nothing tells an IPv6 address's last part from a port.
_ENDPOINT: Final = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\]):([0-9]{1,5})")


class Endpoint(NamedTuple):
    """An address, and a port: 0 is any that is free."""

    address: IPv4Address | IPv6Address
    port: int


def read_endpoint(text: str) -> Endpoint:
    """Read ADDRESS:PORT; raises `ValueError` with what is wrong, for a name as for a port above 65535."""
    found = _ENDPOINT.fullmatch(text)
    try:
        plain, bracketed, digits = found.groups() if found else ("", "", "")
        address = IPv4Address(plain) if plain else IPv6Address(bracketed)
    except ValueError:
        raise ValueError(f"{text!r} is no ADDRESS:PORT") from None
    if (port := int(digits)) >= 1 << 16:
        raise ValueError(f"{port} is no port")
    return Endpoint(address, port)
