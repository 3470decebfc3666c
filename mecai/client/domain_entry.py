"""What a client demands of some destinations instead of the rest: `[[domain]]` of `client.toml`.

What may stand in one may stand at the top of the file as well, and is checked here for both.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final

from mecai.client.choices import DIRECT, MODES, PROFILES, REPORTING, SELECTIONS
from mecai.client.domains import normal_domains
from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import check_contexts

_WORDS: Final[Mapping[str, Collection[str]]] = {
    "mode": MODES, "profile": PROFILES, "selection": SELECTIONS, "reporting": REPORTING, "direct": DIRECT
}  # fmt: skip
_HOUR: Final = timedelta(hours=1)
LONGEST_HOURS: Final = LIMITS.voucher_lifetime // _HOUR
_LONGEST: Final = {
    "max_voucher_hours": LONGEST_HOURS,
    "max_voucher_age_hours": LONGEST_HOURS,
    "max_status_hours": LIMITS.status_age // _HOUR,
    "candidates": LIMITS.candidates,
    "quorum": LIMITS.candidates,
}


@dataclass(frozen=True)
class DomainEntry:
    """One `[[domain]]`: for these domains, each with every name below it, what is given here goes before the rest."""

    domains: tuple[str, ...]
    mode: str | None = None
    profile: str | None = None
    candidates: int | None = None
    quorum: int | None = None
    selection: str | None = None
    contexts: tuple[str, ...] | None = None
    max_voucher_hours: int | None = None
    max_voucher_age_hours: int | None = None
    max_status_hours: int | None = None
    reporting: str | None = None
    direct: str | None = None
    audit: float | None = None

    def __post_init__(self) -> None:
        check_demand(self.changes, "domain.")

    @property
    def names(self) -> tuple[str, ...]:
        """The domains in normal form; raises `ValueError` for what is no host name, an IP address say."""
        return normal_domains("domain.domains", self.domains)

    @property
    def changes(self) -> dict[str, Any]:
        """What is given, by key. A profile brings its numbers, whatever stands elsewhere."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "domains"}
        numbers = dict.fromkeys(("candidates", "quorum")) if self.profile else {}
        return numbers | {key: value for key, value in given.items() if value is not None}


def check_demand(found: Mapping[str, Any], where: str = "") -> None:
    """Check the keys of a demand that are given; raises `ValueError` with the key, `where` before it."""
    for key, known in _WORDS.items():
        _one_of(where + key, found.get(key), known)
    for key, longest in _LONGEST.items():
        check_within(where + key, found.get(key), longest)
    if not 0.0 <= (found.get("audit") or 0.0) <= 1.0:  # not a number is neither
        raise ValueError(f"{where}audit: {found['audit']} is outside 0.0..1.0")
    try:
        check_contexts(found.get("contexts") or ())
    except Malformed as error:
        raise ValueError(f"{where}contexts: {error.detail}") from error


def _one_of(key: str, found: str | None, known: Collection[str]) -> None:
    if found is not None and found not in known:
        raise ValueError(f"{key}: {found!r} is none of {', '.join(known)}")


def check_within(key: str, found: int | None, longest: int) -> None:
    """Refuse, as `ValueError`, a number that is given and not from 1 to `longest`."""
    if found is not None and not 1 <= found <= longest:
        raise ValueError(f"{key}: {found} is outside 1..{longest}")
