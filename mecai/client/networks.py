"""Every private network of a client, and to which of them a name belongs (docs/spec, M4)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mecai.client.domains import most_fitting
from mecai.client.intranet_entry import IntranetEntry
from mecai.errors import InputError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import spki_hash

if TYPE_CHECKING:
    from mecai.client.intranet import PrivateNetwork


class PrivateNetworks:
    """What the settings name. True where there are any."""

    def __init__(self, entries: Sequence[IntranetEntry], directory: Directory) -> None:
        """Read the roots; raises `HostError` or `InputError`, also for a root that `directory` trusts for all names."""
        self._by_domain: dict[str, PrivateNetwork] = {}
        if not entries:
            return
        from mecai.client import intranet  # noqa: PLC0415 - it asks responders, which few clients do

        public = set(map(spki_hash, directory.roots))
        for entry in entries:
            network = intranet.PrivateNetwork(entry)
            if not public.isdisjoint(map(spki_hash, network.rule.roots)):
                raise InputError(f"{entry.roots}: has a root of the directory, which is no private CA; leave it out")
            self._by_domain |= dict.fromkeys(network.rule.domains, network)

    def __bool__(self) -> bool:
        return bool(self._by_domain)

    def find(self, server_name: str | None) -> "PrivateNetwork | None":
        """Return the network with the longest domain that a host name equals or lies below."""
        return most_fitting(self._by_domain, server_name) if server_name else None
