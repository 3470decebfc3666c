"""Who asks: an IPv4 address, or the IPv6 networks around an address.

Who has one IPv6 address has 2^64 of them, many have 2^8 networks of that size, and some 2^16 (RFC 6177). So an IPv6
requester is counted as each of the networks that it may have to itself.
"""

import ipaddress
from functools import lru_cache
from typing import Final

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets

_PREFIXES: Final = (64, 56, 48)


@lru_cache(LIMITS.remembered_addresses)
def networks_of(requester: str) -> tuple[str, ...]:
    """Return what an address counts as, the narrowest first; what is no address stays as it is."""
    try:
        found = ipaddress.ip_address(requester)
    except ValueError:
        return (requester,)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return tuple(str(ipaddress.ip_network((int(found), bits), strict=False)) for bits in _PREFIXES)
    return (requester,)


def own_address(requester: str, request: VoucherRequest) -> bytes | None:
    """Return the address that a request comes from if it is to be probed, None if it is not."""
    try:
        own = address_octets(requester)
    except InputError:
        return None
    return own if own in request.addresses else None
