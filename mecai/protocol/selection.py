"""Which authorities a client will accept for one destination (docs/spec, "Selection"; rules S1 to S4).

The client chooses before it knows the server's certificate. `sticky` is a keyed draw per registrable domain and epoch
of 30 days, so that an attacker cannot draw again by dropping connections or inventing sibling names. The clock and
the randomness are arguments; the Public Suffix List is data that ships with its library.
"""

import hmac
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from random import Random
from typing import Final

from publicsuffixlist import PublicSuffixList

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.pki.identity import address_octets
from mecai.protocol.pki.names import host_name_of

EPOCH_SECONDS: Final = 30 * 24 * 3600
KEY_SIZE: Final = 32
_OFFSET_LABEL: Final = b"mecai-offset-v1\0"
_SELECT_LABEL: Final = b"mecai-select-v1\0"


class Mode(Enum):
    """How candidates are drawn; `regional` is sticky without the authorities of the named regions."""

    STICKY = "sticky"
    RANDOM = "random"
    REGIONAL = "regional"


@lru_cache(LIMITS.remembered_domains)
def registrable_domain(host: str) -> str:
    """Return public suffix plus one label, both sections of the list; a name that is itself a suffix stays as it is.

    Raises `InputError` for what is no host name.
    """
    name = host_name_of(host)
    return _suffixes().privatesuffix(name) or name


def is_public_suffix(name: str) -> bool:
    """Tell whether the list names this host name (in normal form) as one under which strangers have names."""
    return _listed().publicsuffix(name) == name


def destination_octets(host: str) -> bytes:
    """Return what the sticky draw binds to: the registrable domain in ASCII, or the octets of an IP address."""
    try:
        return registrable_domain(host).encode("ascii")
    except InputError:  # no host name (I8) is an address
        with suppress(InputError):
            return address_octets(host)
        raise


def candidates(
    directory: Directory,
    destination: str,
    now: datetime,
    *,
    key: bytes,
    k: int,
    mode: Mode = Mode.STICKY,
    excluded_regions: Iterable[str] = (),
    random: Random | None = None,
) -> tuple[bytes, ...]:
    """Return the ids of up to `k` authorities in order of preference, at most one per owner group.

    `destination` is a host name or IP address; `key` the 32 octets of the client's profile, of which only `sticky` and
    `regional` make use; `random` (a cryptographic one outside tests) is for `random` alone. Authorities without servers
    and those whose roots the directory distrusts never occur. Fewer owner groups than `k` give fewer candidates.
    """
    if not 0 < k <= LIMITS.candidates:
        raise InputError(f"{k} candidates; expected 1..{LIMITS.candidates}")
    excluded = frozenset(excluded_regions) if mode is Mode.REGIONAL else frozenset[str]()
    eligible = [
        authority
        for authority in directory.authorities
        if authority.servers and authority.region not in excluded and not directory.distrusted(authority.roots, now)
    ]
    if mode is Mode.RANDOM:
        if random is None:
            raise InputError("mode random needs a source of randomness")
        ranked = random.sample(eligible, len(eligible))
    else:
        ranked = _sticky_order(eligible, destination_octets(destination), key, now)
    return tuple(authority.authority for authority, _ in zip(_one_per_owner(ranked), range(k), strict=False))


def drawn_until(directory: Directory, destination: str, now: datetime, key: bytes) -> datetime:
    """Return when `candidates` may name others than at `now`, other things being equal; not for mode `random`."""
    octets = destination_octets(destination)
    end = (epoch_of(octets, key, now) + 1) * EPOCH_SECONDS - _offset(octets, key)
    return min(datetime.fromtimestamp(end, UTC), directory.says_until(now))


def epoch_of(destination: bytes, key: bytes, now: datetime) -> int:
    """Return the number of the 30-day epoch that `now` falls in for this destination (rule S2)."""
    return (int(now.timestamp()) + _offset(destination, key)) // EPOCH_SECONDS


def sticky_score(destination: bytes, key: bytes, epoch: int, authority: bytes) -> bytes:
    """Return the 32 octets by which an authority ranks for a destination in one epoch (rule S2)."""
    message = struct.pack("!QB", epoch, len(destination)) + destination + authority
    return hmac.digest(key, _SELECT_LABEL + message, "sha256")


def _offset(destination: bytes, key: bytes) -> int:
    """Return by how many seconds a destination's epochs begin earlier than those of the Unix time."""
    digest = hmac.digest(key, _OFFSET_LABEL + destination, "sha256")
    offset: int = struct.unpack("!I", digest[:4])[0] % EPOCH_SECONDS
    return offset


def _sticky_order(eligible: list[Authority], destination: bytes, key: bytes, now: datetime) -> list[Authority]:
    if len(key) != KEY_SIZE:
        raise InputError(f"selection key of {len(key)} octets; expected {KEY_SIZE}")
    epoch = epoch_of(destination, key, now)
    return sorted(eligible, key=lambda item: sticky_score(destination, key, epoch, item.authority), reverse=True)


def _one_per_owner(ranked: Iterable[Authority]) -> Iterator[Authority]:
    seen: set[str] = set()
    for authority in ranked:
        if authority.owner_group not in seen:
            seen.add(authority.owner_group)
            yield authority


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _listed() -> PublicSuffixList:
    """Return the list without its default rule, by which every unknown top-level domain is a suffix."""
    return PublicSuffixList(accept_unknown=False)
