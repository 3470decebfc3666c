"""The stage on which most cases play: a server with a certificate of alder, and a client that names three authorities.

        alder root -- alder issuing CA -- www.example.test at 198.18.0.10
        birch root -- birch VA            cedar root -- cedar VA            dogwood root -- dogwood VA

All four are in the directory of context MOZ, each its own owner group. The client names birch, cedar and dogwood in
this order, wants one voucher and context MOZ; it is 2026-03-02T12:00:00Z. A case says only what is different.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from tests.conformance.parts import voucher as vouchers
from tests.conformance.parts.certificates import reissued_der
from tests.conformance.parts.directories import PUBLISHER, Entry, authority_id, content, entry, key_hash, signed
from tests.conformance.parts.voucher import ADDRESS, Voucher
from tests.conformance.registry import Situation, Value
from tests.pki import NOW, Hierarchy, Issued, Key, key

HOST = "www.example.test"
ALDER, BIRCH, CEDAR, DOGWOOD = (Hierarchy(name) for name in ("alder", "birch", "cedar", "dogwood"))
SITE = ALDER.server(HOST)
# The CA keys of alder, some of them for the longer chains of a few cases (D5: a key that nobody lists leads nowhere).
_CAS = ("issuing CA", "upper CA", "lower CA", "top CA", "brief CA", *(f"CA {number}" for number in range(9)))


def alder(*keys: Key, **changes: Any) -> Entry:
    """Return alder's entry, which lists these CA keys besides its own."""
    own = (key(f"alder {label}") for label in _CAS)
    return entry(ALDER, subordinates=[key_hash(each.public_key()) for each in (*own, *keys)], **changes)


ENTRIES = (alder(), *map(entry, (BIRCH, CEDAR, DOGWOOD)))
DIRECTORY = signed(content(*ENTRIES))


def listing(*keys: Key) -> bytes:
    """Return the stage's directory, in which alder's entry lists these CA keys too."""
    return signed(content(alder(*keys), *ENTRIES[1:]))


voucher = partial(vouchers.voucher, BIRCH, SITE)  # of birch for the server, unless told otherwise
GOOD = voucher()


def of(authority: Hierarchy, site: Issued = SITE, **changes: Any) -> Voucher:
    """Return a voucher of any authority for any site."""
    return vouchers.voucher(authority, site, **changes)


@dataclass(frozen=True)
class Connection:
    """Everything that a verdict depends on, but the vouchers."""

    directory: bytes = DIRECTORY
    publishers: Sequence[Issued] = (PUBLISHER,)
    candidates: Sequence[Hierarchy] = (BIRCH, CEDAR, DOGWOOD)
    quorum: int = 1
    contexts: Sequence[str] = ("MOZ",)
    nat64_prefixes: Sequence[str] = ()  # besides 64:ff9b::/96
    max_voucher_lifetime: int | None = None  # seconds, below the 72 hours of O11
    now: datetime = NOW
    server_name: str = HOST
    chain: Sequence[bytes] = SITE.chain_der
    staple: bytes | None = None
    peer_address: str | None = ADDRESS

    def question(self, presented: Sequence[bytes]) -> Value:
        """Return what the client is told."""
        policy: Value = {
            "candidates": [authority_id(candidate).hex() for candidate in self.candidates],
            "quorum": self.quorum,
            "contexts": self.contexts,
            "nat64Prefixes": self.nat64_prefixes,
        }
        if self.max_voucher_lifetime is not None:
            policy["maxVoucherLifetime"] = self.max_voucher_lifetime
        return {
            "directory": self.directory,
            "publishers": [item.der for item in self.publishers],
            "policy": policy,
            "now": self.now,
            "serverName": self.server_name,
            "chain": self.chain,
            "staple": self.staple,
            "peerAddress": self.peer_address,
            "vouchers": presented,
        }


def accepted(*presented: Voucher | bytes, passing: Sequence[Voucher] | None = None, **changes: Any) -> Situation:
    """Return a connection that is accepted because of the vouchers `passing`, by default all that are presented."""
    shown = presented or (GOOD,)
    counted = passing if passing is not None else [item for item in shown if isinstance(item, Voucher)]
    return _connection(shown, {"verdict": "accepted", "vouchers": [item.hash for item in counted]}, changes)


def refused(reason: str, *presented: Voucher | bytes, **changes: Any) -> Situation:
    """Return a connection that is refused for this reason; by default with the good voucher of birch."""
    return _connection(presented or (GOOD,), {"verdict": "refused", "reason": reason}, changes)


def cached(*named: Voucher, held: Sequence[Voucher], **changes: Any) -> Situation:
    """Return the question which of the vouchers `held` the client names to its peer (C5): `named`, in this order."""
    question = Connection(**changes).question([item.der for item in held])
    asked = {name: question[name] for name in ("directory", "publishers", "policy", "now", "peerAddress", "vouchers")}
    return Situation("cached", asked, {"verdict": "accepted", "cached": [item.hash for item in named]})


def taken(site: Issued, **changes: Any) -> Situation:
    """Return a connection to this site that is accepted, for which birch vouches."""
    return accepted(of(BIRCH, site), **{"chain": site.chain_der, **changes})


def with_issuing(**changes: Any) -> Situation:
    """Return a connection that is refused: the site is under a certificate of its CA that the root signed otherwise."""
    return refused("untrusted", chain=(SITE.der, reissued_der(ALDER.issuing, **changes)))


def without_voucher(reason: str, **changes: Any) -> Situation:
    """Return a connection on which no voucher came."""
    return _connection((), {"verdict": "refused", "reason": reason}, changes)


def _connection(presented: Sequence[Voucher | bytes], expected: Value, changes: Value) -> Situation:
    octets = [item.der if isinstance(item, Voucher) else item for item in presented]
    return Situation("connection", Connection(**changes).question(octets), expected)


def directory_case(
    directory: bytes,
    *,
    reason: str | None = None,
    publishers: Sequence[Issued] = (PUBLISHER,),
    history: Sequence[bytes] = (),
    former: Sequence[Issued] = (),
    now: datetime = NOW,
) -> Situation:
    """Return the question whether a directory is taken, after those of `history` were, from first to last.

    They were taken under the pins `former`, if the client began with others than now. It is taken unless there is a
    `reason`.
    """
    question: Value = {
        "directory": directory,
        "publishers": [item.der for item in publishers],
        "history": history,
        "now": now,
    }
    if former:
        question["formerPublishers"] = [item.der for item in former]
    expected = {"verdict": "refused", "reason": reason} if reason else {"verdict": "accepted"}
    return Situation("directory", question, expected)
