"""What a client's settings say of one private network: an `[[intranet]]` of `client.toml` (`mecai.client.policy`)."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from mecai.client.domains import normal_domains
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.protocol.selection import is_public_suffix
from mecai.service.settings import Network

_PIN: Final = re.compile(rf"[0-9a-fA-F]{{{2 * HASH_SIZE}}}")


@dataclass(frozen=True)
class IntranetEntry:
    """One `[[intranet]]` of `client.toml`."""

    domains: tuple[str, ...]
    roots: Path
    pins: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    max_status_hours: int = LIMITS.intranet_status_age // timedelta(hours=1)

    def __post_init__(self) -> None:
        longest = LIMITS.status_age // timedelta(hours=1)
        self._check_domains()
        for pin in self.pins:
            if not _PIN.fullmatch(pin):
                raise ValueError(f"intranet.pins: {pin!r} is no SHA-256 in {2 * HASH_SIZE} hexadecimal digits")
        if not 1 <= self.max_status_hours <= longest:
            raise ValueError(f"intranet.max_status_hours: {self.max_status_hours} is outside 1..{longest}")

    def _check_domains(self) -> None:
        for name in self.names:
            if is_public_suffix(name):
                raise ValueError(f"intranet.domains: {name!r} is a public suffix; strangers have names below it")

    @property
    def names(self) -> tuple[str, ...]:
        """The domains in normal form; raises `ValueError` for what is no host name, an IP address say."""
        return normal_domains("intranet.domains", self.domains)
