"""What a client demands, in `/etc/mecai/client.toml`. Every key, with its default.

    directory  = "/etc/mecai/directory.der"    # the signed directory of one publisher
    publishers = "/etc/mecai/publishers.pem"   # the pinned certificates of that publisher
    mode       = "enforce"     # or "warn": judge and say so, never act; "off": an ordinary TLS client
    profile    = "default"     # three candidates, one must vouch; "strict": four candidates, two must vouch
    selection  = "sticky"      # the same candidates for a domain during 30 days; "random": anew each time
    contexts   = ["MOZ"]       # trust contexts of which a voucher must carry one; default: the directory's own;
                               # empty: no demand, and distrust comes by new directories alone (X5)
    max_voucher_hours = 72     # no voucher with a longer life is accepted
    cache      = false         # keep vouchers in memory and name them at the next connection to the host (rule C5),
                               # where whoever reads the ClientHello sees that it is not the first (S5)
    allowed_networks  = []     # of which reports are written though they are not public (P3), such as ["198.18.0.0/15"]
    nat64_prefixes    = []     # this network's own translation prefixes (/96), besides 64:ff9b::/96
    state         = "..."      # where the directory's highest sequence is kept; default: see `state_folder`
    selection_key = "..."      # 32 secret octets, made on first use; default: selection.key in the state directory

    [[intranet]]                               # none by default; one for each private network (rule M4)
    domains  = ["corp.test"]                   # each with every name below it
    roots    = "/etc/mecai/intranet/corp.pem"  # PEM: the private CA's roots, trusted for these domains and no others
    pins     = []              # SHA-256 (hex) of the public keys of its CAs: the chain goes through one of them
    networks = []              # where its OCSP responders are, such as ["10.0.0.0/8"]; public ones are asked anyway
    max_status_hours = 48      # no OCSP response that is older is fresh

    [[regional]]                               # none by default; the most fitting domain counts (rule S4)
    domains = ["example.test"]                 # each with every name below it
    without = ["ca-birch"]                     # regions whose authorities are not named there

docs/spec section 6 says what each of them means. A pin: `openssl x509 -in ca.pem -noout -pubkey | openssl pkey -pubin
-outform DER | sha256sum`.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from pathlib import Path

from mecai.client.choices import DEFAULT_CONFIG, ENFORCE, MODES, PROFILES, SELECTIONS, Profile
from mecai.client.domains import check_distinct
from mecai.client.intranet_entry import IntranetEntry
from mecai.client.regional import RegionalEntry
from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import check_contexts
from mecai.service.settings import Network, read_settings


@dataclass(frozen=True)
class ClientPolicy:
    """Every key of `client.toml`."""

    directory: Path = Path("/etc/mecai/directory.der")
    publishers: Path = Path("/etc/mecai/publishers.pem")
    mode: str = ENFORCE
    profile: str = "default"
    selection: str = "sticky"
    contexts: tuple[str, ...] | None = None
    max_voucher_hours: int = LIMITS.voucher_lifetime // timedelta(hours=1)
    cache: bool = False
    allowed_networks: tuple[Network, ...] = ()
    nat64_prefixes: tuple[Network, ...] = ()
    state: Path | None = None
    selection_key: Path | None = None
    regional: tuple[RegionalEntry, ...] = ()
    intranets: tuple[IntranetEntry, ...] = field(default=(), metadata={"key": "intranet"})

    def __post_init__(self) -> None:
        longest = LIMITS.voucher_lifetime // timedelta(hours=1)
        _one_of("mode", self.mode, MODES)
        _one_of("profile", self.profile, PROFILES)
        _one_of("selection", self.selection, SELECTIONS)
        if not 1 <= self.max_voucher_hours <= longest:
            raise ValueError(f"max_voucher_hours: {self.max_voucher_hours} is outside 1..{longest}")
        try:
            check_contexts(self.contexts or ())
        except Malformed as error:
            raise ValueError(f"contexts: {error.detail}") from error
        self._check_prefixes()
        check_distinct("intranet", chain.from_iterable(entry.names for entry in self.intranets))
        check_distinct("regional", chain.from_iterable(entry.names for entry in self.regional))

    def _check_prefixes(self) -> None:
        for prefix in self.nat64_prefixes:
            if prefix.version != 6 or prefix.prefixlen != 96:  # noqa: PLR2004 - IPv6, and the one length that V9 unmaps
                raise ValueError(f"nat64_prefixes: {prefix} is no IPv6 prefix of length 96")

    @property
    def numbers(self) -> Profile:
        """How many candidates, how many vouchers."""
        return PROFILES[self.profile]

    @property
    def max_voucher_lifetime(self) -> timedelta:
        """The longest life of a voucher that is accepted."""
        return timedelta(hours=self.max_voucher_hours)

    @property
    def state_folder(self) -> Path:
        """`state`, or `mecai` under the user's state directory (XDG Base Directory Specification)."""
        return self.state or Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "mecai"

    @property
    def selection_key_file(self) -> Path:
        """Where the selection key lies."""
        return self.selection_key or self.state_folder / "selection.key"


def read_policy(path: Path = DEFAULT_CONFIG) -> ClientPolicy:
    """Read `client.toml`; raises `HostError` or `InputError` with one line that names the key."""
    return read_settings(path, ClientPolicy)


def _one_of(key: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        raise ValueError(f"{key}: {found!r} is none of {', '.join(known)}")
