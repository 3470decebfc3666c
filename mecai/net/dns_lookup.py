"""The addresses of a host name that a stranger gave, from the DNS alone, within a deadline (docs/spec, P7).

What this host's own files say of names is no business of strangers. Both families are asked at once, and the failure
of one leaves the other: zones that answer AAAA with SERVFAIL, REFUSED, NOTIMP, NXDOMAIN or silence are common enough.
"""

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
