"""A client's draw of authorities, as a scene wants it: who is among those it names, and who is not."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.selection import candidates
from testbed.machine.limits import LIMITS
from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.scenario import Choice


@dataclass(frozen=True)
class Wanted:
    """A choice in ids of authorities, among those of one directory."""

    directory: Directory
    named: frozenset[bytes]
    unnamed: frozenset[bytes]

    @classmethod
    def of(cls, arena: Arena, host: str, settings: Mapping[str, Any], choice: Choice) -> "Wanted":
        """Read the directory of a client, on its host, by its settings; raises `HostError`."""
        folder = "/etc/mecai"  # where a client looks that is not told otherwise
        pins = loot.get(arena, host, settings.get("publishers", f"{folder}/publishers.pem"))
        signed = loot.get(arena, host, settings.get("directory", f"{folder}/directory.der"))
        directory = parse_directory(signed, loot.chain(pins, "publishers.pem"), None)
        ids = {authority.name: authority.authority for authority in directory.authorities}

        def some(words: Iterable[str]) -> frozenset[bytes]:
            return frozenset(ids[arena.host(word).name] for word in words)

        return cls(directory, some(choice.named), some(choice.unnamed))

    def met(self, found: Sequence[bytes]) -> bool:
        """Say whether those that a client named are as wanted."""
        return self.named <= set(found) and not self.unnamed & set(found)

    @property
    def contrary(self) -> "Wanted":
        """Those named who were to be left out."""
        return Wanted(self.directory, self.unnamed, frozenset())

    @property
    def regions(self) -> list[str]:
        """Where those are at home who shall not be named."""
        return sorted({each.region for each in self.directory.authorities if each.authority in self.unnamed})

    def key(self, site: str, k: int, now: datetime) -> bytes:
        """Find a key under which the draw is as wanted; any where none is: everybody is named, or nobody else left."""
        keys = (hashlib.sha256(number.to_bytes(2)).digest() for number in range(LIMITS.sticky_keys))
        fitting = (key for key in keys if self.met(candidates(self.directory, site, now, key=key, k=k)))
        return next(fitting, bytes(32))
