"""For which destinations a client leaves out the authorities of some regions: `[[regional]]` of `client.toml` (S4).

A person in one country who visits a server in another may not want to hear, on that, an authority of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mecai.client.domains import most_fitting, normal_domains


@dataclass(frozen=True)
class RegionalEntry:
    """One `[[regional]]`: these domains, each with every name below it, are vouched for from other regions only."""

    domains: tuple[str, ...]
    without: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.without:
            raise ValueError("regional.without: none given; expected the name of a region at least")

    @property
    def names(self) -> tuple[str, ...]:
        """The domains in normal form; raises `ValueError` for what is no host name, an IP address say."""
        return normal_domains("regional.domains", self.domains)


def regions_without(entries: Sequence[RegionalEntry], destination: str) -> tuple[str, ...]:
    """Return the regions that are left out for a destination, as the entry with its longest domain says; often none."""
    by_domain = {name: entry.without for entry in entries for name in entry.names}
    return most_fitting(by_domain, destination) or ()
