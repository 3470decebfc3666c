"""For which destinations a client leaves out the authorities of some regions: `[[regional]]` of `client.toml` (S4).

A person in one country who visits a server in another may not want to hear, on that, an authority of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mecai.errors import InputError
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.verify.intranet import domain_of


@dataclass(frozen=True)
class RegionalEntry:
    """One `[[regional]]`: these domains, each with every name below it, are vouched for from other regions only."""

    domains: tuple[str, ...]
    without: tuple[str, ...]

    def __post_init__(self) -> None:
        for key, given in (("domains", self.domains), ("without", self.without)):
            if not given:
                raise ValueError(f"regional.{key}: none given; expected one at least")

    @property
    def names(self) -> tuple[str, ...]:
        """The domains in normal form; raises `ValueError` for what is no host name, an IP address say."""
        try:
            return tuple(map(host_name_of, self.domains))
        except InputError as error:
            raise ValueError(f"regional.domains: {error}") from error


def regions_without(entries: Sequence[RegionalEntry], destination: str) -> tuple[str, ...]:
    """Return the regions that are left out for a destination, as the entry with its longest domain says; often none."""
    by_domain = {name: entry.without for entry in entries for name in entry.names}
    domain = domain_of(destination, tuple(by_domain))
    return by_domain[domain] if domain else ()


def check_regional(entries: Sequence[RegionalEntry]) -> None:
    """Refuse, as `ValueError`, a domain that two entries have."""
    names = [name for entry in entries for name in entry.names]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"regional.domains: {twice!r} is given twice; one list of regions for each domain")
