"""Who asks: an IPv4 address, or the IPv6 networks around an address.

Who has one IPv6 address has 2^64 of them, many have 2^8 networks of that size, and some 2^16 (RFC 6177). So an IPv6
requester is counted as each of the networks that it may have to itself. Who tells of something, which may wait, is
counted by his neighbours, too: whoever rents addresses by the dozen has them side by side.
"""

import ipaddress
from functools import lru_cache
from typing import Final

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPV4: Final = 4
_PREFIXES: Final = (64, 56, 48)
_NEIGHBOURS: Final = {4: (32, 24, 16), 6: (64, 48, 32)}  # by the version of IP


@lru_cache(LIMITS.remembered_addresses)
def networks_of(requester: str) -> tuple[str, ...]:
    """Return what an address counts as, the narrowest first; what is no address stays as it is."""
    found = _address(requester)
    return (requester,) if found is None or found.version == _IPV4 else _within(found, _PREFIXES)


def neighbourhoods_of(reporter: str) -> tuple[str, ...]:
    """Return an address, or its /64 in IPv6, and the networks of its neighbours; what is no address stays as it is."""
    found = _address(reporter)
    return (reporter,) if found is None else _within(found, _NEIGHBOURS[found.version])


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _within(address: _Address, prefixes: tuple[int, ...]) -> tuple[str, ...]:
    network = ipaddress.IPv4Network if address.version == _IPV4 else ipaddress.IPv6Network
    return tuple(str(network((int(address), bits), strict=False)) for bits in prefixes)


def own_address(requester: str, request: VoucherRequest) -> bytes | None:
    """Return the address that a request comes from if it is to be probed, None if it is not."""
    try:
        own = address_octets(requester)
    except InputError:
        return None
    return own if own in request.addresses else None
