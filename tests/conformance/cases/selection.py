# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""S1, S2, S4: which authorities a client names, in which order. `workings` shows d, offset, epoch and scores."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.parts.directories import PUBLISHER, Entry, content, distrust, entry, moment, signed, text
from tests.conformance.registry import Situation, case
from tests.pki import DAY, NOW, Hierarchy

_EPOCH = 30 * 24 * 3600
_KEY, _OTHER_KEY = (hashlib.sha256(text).digest() for text in (b"a client's selection key", b"another's"))
_NAMES = ("alder", "birch", "cedar", "dogwood", "elm", "fir")
_REGIONS = ("north", "north", "south", "south", "west", "west")
_WOODS = {name: Hierarchy(name) for name in _NAMES}
_OLD = Hierarchy("dogwood before")
_ENTRIES = tuple(entry(_WOODS[name], region=region) for name, region in zip(_NAMES, _REGIONS, strict=True))


def _offset(d: bytes, key: bytes = _KEY) -> int:
    """Return the offset of S2, in seconds."""
    return int.from_bytes(hmac.digest(key, b"mecai-offset-v1\0" + d, "sha256")[:4]) % _EPOCH


def _score(d: bytes, epoch: int, identifier: bytes, key: bytes) -> bytes:
    message = epoch.to_bytes(8) + bytes((len(d),)) + d + identifier
    return hmac.digest(key, b"mecai-select-v1\0" + message, "sha256")


def _named(
    destination: str,
    d: bytes,
    *,
    eligible: Sequence[Entry] = _ENTRIES,
    directory: bytes | None = None,
    key: bytes = _KEY,
    now: datetime = NOW,
    k: int = 3,
    **changes: Any,
) -> Situation:
    """Return the question whom a client names for `destination`, which S2 calls `d`.

    The answer is S2's formula over the `eligible` entries, at most one for each owner group. `directory` is what the
    client has, by default one of just these entries; `changes` replace members of the question.
    """
    offset = _offset(d, key)
    epoch = (int(now.timestamp()) + offset) // _EPOCH
    scores = {item["id"]: _score(d, epoch, bytes.fromhex(item["id"]), key).hex() for item in eligible}
    first_of_owner: dict[str, str] = {}
    for item in sorted(eligible, key=lambda item: scores[item["id"]], reverse=True):
        first_of_owner.setdefault(item["ownerGroup"], item["id"])
    question = {
        "directory": directory or _published(eligible, now),
        "publishers": [PUBLISHER.der],
        "key": key.hex(),
        "destination": destination,
        "now": now,
        "candidates": k,
        "excludedRegions": [],
        **changes,
    }
    expected = {"verdict": "accepted", "candidates": list(first_of_owner.values())[:k]}
    return Situation(
        "selection", question, expected, {"d": d.hex(), "offset": offset, "epoch": epoch, "scores": scores}
    )


def _published(entries: Sequence[Entry], now: datetime = NOW, **changes: Any) -> bytes:
    """Return a directory of the day of `now`."""
    day = now.replace(hour=0, minute=0, second=0)
    return signed(content(*entries, issued=moment(day - DAY), expires=moment(day + 7 * DAY), **changes))


_HOSTS = {
    "host": ("www.example.test", b"example.test"),
    "sibling": ("a.long.way.down.example.test", b"example.test"),
    "domain itself": ("example.test", b"example.test"),
    "another domain": ("www.example2.test", b"example2.test"),
    "capital letters and dot": ("WWW.Example.TEST.", b"example.test"),
    "suffix of two labels": ("www.example.co.uk", b"example.co.uk"),
    "suffix of the private section": ("www.project.github.io", b"project.github.io"),
    "suffix itself": ("co.uk", b"co.uk"),
    "single label": ("intranet", b"intranet"),
    "A-labels": ("www.xn--bcher-kva.example", b"xn--bcher-kva.example"),
    "another script": ("www.b\u00fccher.example", b"xn--bcher-kva.example"),
    "another script in capitals": ("WWW.B\u00dcCHER.example", b"xn--bcher-kva.example"),
    "sharp s": ("www.fa\u00df.example", b"xn--fa-hia.example"),
    "suffix of a wildcard": ("a.b.example.ck", b"b.example.ck"),
    "exception to a wildcard": ("a.www.ck", b"www.ck"),
}


@case("S1", "S2", over=_HOSTS)
def s2_name(names: tuple[str, bytes]) -> Situation:
    """The destination is a name: {}. `workings.d` is its registrable domain, from which everything follows."""
    return _named(*names)


_ADDRESSES = {
    "IPv4": ("198.18.0.10", bytes((198, 18, 0, 10))),
    "IPv4-mapped": ("::ffff:198.18.0.10", bytes((198, 18, 0, 10))),
    "IPv6": ("2001:db8::10", bytes.fromhex("20010db8000000000000000000000010")),
}


@case("S2", "I5", over=_ADDRESSES)
def s2_address(names: tuple[str, bytes]) -> Situation:
    """The destination is an address: {}. Then d is its raw octets (I5)."""
    return _named(*names)


@case("S2")
def s2_another_key() -> Situation:
    """Another client, with a key of its own, goes to www.example.test."""
    return _named("www.example.test", b"example.test", key=_OTHER_KEY)


def _boundary() -> datetime:
    """Return the first second of the epoch after NOW, for example.test."""
    offset = _offset(b"example.test")
    following = (int(NOW.timestamp()) + offset) // _EPOCH + 1
    return datetime.fromtimestamp(following * _EPOCH - offset, UTC)


@case("S2", over={"last": _boundary() - timedelta(seconds=1), "first": _boundary()})
def s2_second_of_the_epoch(now: datetime) -> Situation:
    """It is the {} second of an epoch. (t + offset) / 2592000 is rounded down."""
    return _named("www.example.test", b"example.test", now=now, k=6)


@case("S1", over={"one": 1, "four": 4, "more than there are": 16})
def s1_candidates(k: int) -> Situation:
    """The client wants {} of six authorities of six owners. S1: if there are fewer, it takes what there is."""
    return _named("www.example.test", b"example.test", k=k)


@case("S1", "S2")
def s1_one_per_owner() -> Situation:
    """Six authorities belong to three owners: each owner has one candidate, the one with the highest score."""
    owners = ("woods", "woods", "woods", "forest", "forest", "grove")
    entries = [{**item, "ownerGroup": owner} for item, owner in zip(_ENTRIES, owners, strict=True)]
    return _named("www.example.test", b"example.test", eligible=entries, k=6)


@case("S4")
def s4_without_a_region() -> Situation:
    """For this destination the user wants no authority of the north. S4: the others, as S2 ranks them."""
    others = [item for item in _ENTRIES if item["region"] != "north"]
    whole = _published(_ENTRIES)
    return _named("www.example.test", b"example.test", eligible=others, directory=whole, excludedRegions=["north"])


@case("S1", "D7")
def s1_without_the_distrusted() -> Situation:
    """The directory distrusts dogwood's root: no voucher of dogwood could pass V3, so it is not named."""
    others = [item for item in _ENTRIES if item["name"] != "dogwood"]
    whole = _published(_ENTRIES, distrust=[distrust(_WOODS["dogwood"].root, NOW - DAY)])
    return _named("www.example.test", b"example.test", eligible=others, directory=whole, k=6)


@case("S1", "D5")
def s1_without_servers() -> Situation:
    """Dogwood is in the directory as a CA only: without a VAS nobody could have asked it, so it is not named."""
    others = [item for item in _ENTRIES if item["name"] != "dogwood"]
    whole = _published([{**item, "servers": []} if item["name"] == "dogwood" else item for item in _ENTRIES])
    return _named("www.example.test", b"example.test", eligible=others, directory=whole, k=6)


@case("S1")
def s1_two_of_three_owners() -> Situation:
    """Two candidates are wanted; the two highest scores are of one owner: the second owner's best comes second."""
    offset = _offset(b"example.test")
    epoch = (int(NOW.timestamp()) + offset) // _EPOCH
    scores = {item["id"]: _score(b"example.test", epoch, bytes.fromhex(item["id"]), _KEY) for item in _ENTRIES}
    ranked = sorted(_ENTRIES, key=lambda item: scores[item["id"]], reverse=True)
    owners = ("woods", "woods", "forest", "forest", "grove", "grove")
    entries = [{**item, "ownerGroup": owner} for item, owner in zip(ranked, owners, strict=True)]
    return _named("www.example.test", b"example.test", eligible=entries, k=2)


@case("S1", "D7")
def s1_without_one_whose_second_root_is_distrusted() -> Situation:
    """Dogwood has two roots, of which the directory distrusts the second. S1: a root is enough."""
    others = [item for item in _ENTRIES if item["name"] != "dogwood"]
    more = [
        {**item, "roots": [*item["roots"], text(_OLD.root.der)]} if item["name"] == "dogwood" else item
        for item in _ENTRIES
    ]
    whole = _published(more, distrust=[distrust(_OLD.root, NOW - DAY)])
    return _named("www.example.test", b"example.test", eligible=others, directory=whole, k=6)


@case("S1", "D7")
def s1_distrusted_from_the_next_second() -> Situation:
    """The directory distrusts dogwood's root from the next second on."""
    whole = _published(_ENTRIES, distrust=[distrust(_WOODS["dogwood"].root, NOW + timedelta(seconds=1))])
    return _named("www.example.test", b"example.test", directory=whole, k=6)


@case("S4")
def s4_without_two_regions() -> Situation:
    """The user wants no authority of the north and none of the west."""
    others = [item for item in _ENTRIES if item["region"] == "south"]
    whole = _published(_ENTRIES)
    return _named(
        "www.example.test", b"example.test", eligible=others, directory=whole, excludedRegions=["north", "west"]
    )
