"""What a client's settings say of one private network: an `[[intranet]]` of `client.toml` (`mecai.client.policy`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.protocol.pki.names import host_name_of
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
        if not self.domains:
            raise ValueError("intranet.domains: none given; expected such as ['corp.test']")
        for name in self.names:
            if is_public_suffix(name):
                raise ValueError(f"intranet.domains: {name!r} is a public suffix; strangers have names below it")

    @property
    def names(self) -> tuple[str, ...]:
        """The domains in normal form; raises `ValueError` for what is no host name, an IP address say."""
        try:
            return tuple(map(host_name_of, self.domains))
        except InputError as error:
            raise ValueError(f"intranet.domains: {error}") from error


def check_distinct(entries: Sequence[IntranetEntry]) -> None:
    """Refuse, as `ValueError`, a domain with two private CAs."""
    names = [name for entry in entries for name in entry.names]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"intranet.domains: {twice!r} is given twice; one private CA for each domain")
