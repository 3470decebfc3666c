"""Whether a directory has as many owners as must vouch, before anybody connects: a weaker policy would be no answer."""

from collections.abc import Callable, Sequence
from typing import Final

from mecai.client.choices import OFF
from mecai.client.policy import ClientPolicy
from mecai.client.regional import regions_without
from mecai.errors import InputError

PROBE: Final = "probe.invalid"  # RFC 6761: never resolves


def check_quorum(
    policy: ClientPolicy, at: Callable[[str], ClientPolicy], candidates: Callable[[str], Sequence[bytes]]
) -> None:
    """Refuse, as `InputError`, what cannot be fulfilled anywhere (docs/spec, S1); `at` is the policy for a name."""
    for name in (PROBE, *policy.by_domain(), *(name for entry in policy.regional for name in entry.names)):
        if at(name).mode != OFF:
            _check(name, at(name), len(candidates(name)))


def _check(name: str, policy: ClientPolicy, owners: int) -> None:
    if owners >= policy.numbers.quorum:
        return
    there = "" if name == PROBE else f" for {name}"
    there += ", some regions left out" if regions_without(policy.regional, name) else ""
    demand = "the quorum" if policy.quorum else f"profile {policy.profile}"
    raise InputError(
        f"{policy.directory}: has Voucher Authorities of {owners} owner groups{there}, {demand}"
        f" needs {policy.numbers.quorum}; get a directory with more or demand fewer"
    )
