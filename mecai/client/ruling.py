"""Which tables of a client's settings count for a host, and what they come to, before a person relies on them.

Nothing that the settings name is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mecai.client.domain_entry import DomainEntry
from mecai.client.domains import most_fitting
from mecai.client.intranet_entry import IntranetEntry
from mecai.client.policy import ClientPolicy
from mecai.client.regional import RegionalEntry, regions_without
from mecai.errors import InputError


@dataclass(frozen=True)
class Ruling:
    """What holds for one host. Each table is named by its domain, None where none counts.

    `max_status_hours` is None where each kind of status has the age of docs/spec (E3, E4), `contexts` are None where
    they are the directory's own (X5). Where `intranet` is a domain, rule M4 is the measure: mode alone counts then.
    `private` says why no authority hears of the host, whatever `reporting`, `direct` and `audit` are; empty: one may.
    """

    host: str
    domain: str | None
    intranet: str | None
    regional: str | None
    mode: str
    quorum: int
    candidates: int
    selection: str
    contexts: tuple[str, ...] | None
    max_voucher_hours: int
    max_voucher_age_hours: int
    max_status_hours: int | None
    without: tuple[str, ...]
    reporting: str
    direct: str
    audit: float
    private: str


def ruling(policy: ClientPolicy, host: str) -> Ruling:
    """Say what holds for a host name or an IP address."""
    holds, without = policy.at(host), regions_without(policy.regional, host)
    return Ruling(
        host=host,
        domain=_table(policy.domains, host),
        intranet=_table(policy.intranets, host),
        regional=_table(policy.regional, host),
        mode=holds.mode,
        quorum=holds.numbers.quorum,
        candidates=holds.numbers.candidates,
        selection="regional" if without else holds.selection,
        contexts=holds.contexts,
        max_voucher_hours=holds.max_voucher_hours,
        max_voucher_age_hours=holds.max_voucher_age_hours,
        max_status_hours=holds.max_status_hours,
        without=without,
        reporting=holds.reporting,
        direct=holds.direct,
        audit=holds.audit,
        private=_private(policy, host),
    )


def _private(policy: ClientPolicy, host: str) -> str:
    try:
        policy.tellable.check_name(host)
    except InputError as error:
        return str(error)
    return ""


def _table(entries: Sequence[DomainEntry | IntranetEntry | RegionalEntry], host: str) -> str | None:
    return most_fitting({name: name for entry in entries for name in entry.names}, host)
