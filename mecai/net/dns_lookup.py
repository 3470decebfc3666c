"""What the DNS alone says of a name that a stranger gave, within a deadline (docs/spec, P7, H9).

What this host's own files say of names is no business of strangers. Both families of addresses are asked at once, and
the failure of one leaves the other: zones that answer AAAA with SERVFAIL, REFUSED, NOTIMP, NXDOMAIN or silence are
common enough.

A name may stand for another one (CNAME, DNAME), which its owner chose: what somebody refuses to look up he has to
refuse under such names, too, whether anything is there or not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, Final

import dns.exception
import dns.message
import dns.rdatatype
import dns.resolver

from mecai.protocol.pki.identity import address_octets
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from mecai.service.printable import words

GRACE: Final = 0.25  # seconds that one family may take longer than the other (RFC 8305, section 3)

_Family = Future[list[bytes]]
MakeResolver = Callable[[], dns.resolver.Resolver]
Refuses = Callable[[str], bool]  # tells whether a name, in lower case and without final dot, is refused


class AliasRefused(Exception):
    """The name stands for another one, which is refused."""


def refuses_none(_name: str) -> bool:
    """Refuse no name."""
    return False


def texts(
    name: str,
    deadline: Deadline,
    resolver: MakeResolver = dns.resolver.Resolver,
    refuses: Refuses = refuses_none,
) -> tuple[bytes, ...]:
    """Return the TXT records of a name, each in one piece; none where the name or the type does not exist.

    Raises `OSError` where the DNS says neither, `AliasRefused` where the name stands for one that is refused.
    """
    return tuple(b"".join(record.strings) for record in _existing(name, "TXT", deadline, resolver, refuses))


def caa(
    name: str,
    deadline: Deadline,
    resolver: MakeResolver = dns.resolver.Resolver,
    refuses: Refuses = refuses_none,
) -> tuple[tuple[str, bytes], ...]:
    """Return tag and value of each CAA record at a name itself; none where there is none. Raises as `texts`."""
    found = _existing(name, "CAA", deadline, resolver, refuses)
    return tuple((record.tag.decode("ascii", "replace"), record.value) for record in found)


def _existing(name: str, kind: str, deadline: Deadline, resolver: MakeResolver, refuses: Refuses) -> Iterable[Any]:
    try:
        answer = resolver().resolve(name, kind, lifetime=deadline.require(), raise_on_no_answer=False)
        responses, records = [answer.response], answer.rrset or ()
    except dns.resolver.NXDOMAIN as error:
        responses, records = error.kwargs["responses"].values(), ()
    except dns.exception.DNSException as error:
        raise OSError(words(error)) from error
    if any(refuses(alias) for response in responses for alias in _aliases(response)):
        raise AliasRefused(name)
    return records


def _aliases(response: dns.message.Message) -> Iterator[str]:
    """Name what the names of an answer stand for."""
    for records in response.answer:
        if records.rdtype == dns.rdatatype.CNAME:
            yield from (record.target.to_text(omit_final_dot=True).lower() for record in records)


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
