"""The addresses of a host name, within a deadline.

A name that a stranger gave is looked up in the DNS alone: what this host's own files say of names is no business of
strangers. The operator's own names are looked up as this host looks up every name, /etc/hosts included.

Both families are asked at once, and the failure of one leaves the other: zones that answer AAAA with SERVFAIL, REFUSED,
NOTIMP, NXDOMAIN or silence are common enough.
"""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Final

import dns.exception
import dns.resolver

from mecai.protocol.pki.identity import address_octets
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from mecai.service.printable import words

GRACE: Final = 0.25  # seconds that one family may take longer than the other (RFC 8305, section 3)

# Returns addresses of 4 or 16 octets in the order in which they are to be tried; raises `OSError`.
Resolve = Callable[[str, Deadline], Sequence[bytes]]
_Family = Future[list[bytes]]


def from_dns(
    name: str, deadline: Deadline, resolver: Callable[[], dns.resolver.Resolver] = dns.resolver.Resolver
) -> Sequence[bytes]:
    """Return what the DNS says, IPv6 first; raises `OSError`."""
    families = [in_background(partial(_records, resolver, name, kind, deadline)) for kind in ("AAAA", "A")]
    wait(families, deadline.left(), FIRST_COMPLETED)
    wait(families, (deadline.within(GRACE) if any(map(_is_good, families)) else deadline).left())
    found = [address for family in families if _is_good(family) for address in family.result()]
    if not found:
        raise OSError("; ".join(dict.fromkeys(map(_failure, families))))
    return found


def from_system(name: str, deadline: Deadline) -> Sequence[bytes]:
    """Return what this host's own means say (getaddrinfo(3), which knows no deadline); raises `OSError`."""
    lookup = in_background(partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM))
    try:
        found = lookup.result(deadline.require())
    except TimeoutError as error:
        raise TimeoutError("timed out") from error
    texts = (str(address[0]).partition("%")[0] for *_, address in found)
    return tuple(dict.fromkeys(map(address_octets, texts)))


def _records(resolver: Callable[[], dns.resolver.Resolver], name: str, kind: str, deadline: Deadline) -> list[bytes]:
    try:
        answer = resolver().resolve(name, kind, lifetime=deadline.require())
    except dns.exception.DNSException as error:
        raise OSError(words(error)) from error
    return [address_octets(record.address) for record in answer]


def _is_good(family: _Family) -> bool:
    return family.done() and family.exception() is None


def _failure(family: _Family) -> str:
    error = family.exception() if family.done() else TimeoutError("timed out")
    return words(error) if isinstance(error, Exception) else type(error).__name__
