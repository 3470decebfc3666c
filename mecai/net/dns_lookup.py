"""What the DNS alone says of a name that a stranger gave, within a deadline (docs/spec, P7, H9).

What this host's own files say of names is no business of strangers. Both families of addresses are asked at once, and
the failure of one leaves the other: zones that answer AAAA with SERVFAIL, REFUSED, NOTIMP, NXDOMAIN or silence are
common enough.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, Final

import dns.exception
import dns.resolver

from mecai.protocol.pki.identity import address_octets
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from mecai.service.printable import words

GRACE: Final = 0.25  # seconds that one family may take longer than the other (RFC 8305, section 3)

_Family = Future[list[bytes]]
MakeResolver = Callable[[], dns.resolver.Resolver]


def texts(name: str, deadline: Deadline, resolver: MakeResolver = dns.resolver.Resolver) -> tuple[bytes, ...]:
    """Return the TXT records of a name, each in one piece; none where the name or the type does not exist.

    Raises `OSError` where the DNS says neither.
    """
    return tuple(b"".join(record.strings) for record in _existing(name, "TXT", deadline, resolver))


def caa(name: str, deadline: Deadline, resolver: MakeResolver = dns.resolver.Resolver) -> tuple[tuple[str, bytes], ...]:
    """Return tag and value of each CAA record at a name itself; none where there is none. Raises `OSError`."""
    found = _existing(name, "CAA", deadline, resolver)
    return tuple((record.tag.decode("ascii", "replace"), record.value) for record in found)


def _existing(name: str, kind: str, deadline: Deadline, resolver: MakeResolver) -> Iterable[Any]:
    try:
        return resolver().resolve(name, kind, lifetime=deadline.require())
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException as error:
        raise OSError(words(error)) from error


def from_dns(name: str, deadline: Deadline, resolver: MakeResolver = dns.resolver.Resolver) -> Sequence[bytes]:
    """Return what the DNS says, IPv6 first; raises `OSError`."""
    families = [in_background(partial(_records, resolver, name, kind, deadline)) for kind in ("AAAA", "A")]
    wait(families, deadline.left(), FIRST_COMPLETED)
    wait(families, (deadline.within(GRACE) if any(map(_is_good, families)) else deadline).left())
    found = [address for family in families if _is_good(family) for address in family.result()]
    if not found:
        raise OSError("; ".join(dict.fromkeys(map(_failure, families))))
    return found


def _records(resolver: MakeResolver, name: str, kind: str, deadline: Deadline) -> list[bytes]:
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
