"""What a client demands, in `/etc/mecai/client.toml`. Every key, with its default.

    directory  = "/etc/mecai/directory.der"    # the signed directory of one publisher
    publishers = "/etc/mecai/publishers.pem"   # the pinned certificates of that publisher
    mode       = "enforce"     # or "warn": judge and say so, never act; "off": an ordinary TLS client
    profile    = "default"     # three candidates, one must vouch; "strict": four candidates, two must vouch
    candidates = 3             # how many are named, 16 at most; default: the profile's number
    quorum     = 1             # how many of them must vouch; default: the profile's number
    selection  = "sticky"      # the same candidates for a domain during 30 days; "random": anew each time
    contexts   = ["MOZ"]       # trust contexts of which a voucher must carry one; default: the directory's own;
                               # empty: no demand, and distrust comes by new directories alone (X5)
    max_voucher_hours = 72     # no voucher with a longer life is accepted
    max_voucher_age_hours = 72 # none that was made longer ago is accepted, though it be valid
    max_status_hours  = 240    # no OCSP response about the server's chain that is older is fresh; where it is given, no
                               # list of revoked certificates either, on which an authority relied
    cache      = false         # keep vouchers in memory and name them at the next connection to the host (rule C5),
                               # where whoever reads the ClientHello sees that it is not the first (S5)
    cache_file = "..."         # keep them in this file, 0600, for the next program too; default: in memory alone
    resume     = false         # go on with TLS sessions for as long as their verdicts hold (rule T8): a connection then
                               # costs no more than any; the server sees by its ticket who comes again
    allowed_networks  = []     # of which reports are written though they are not public (P3), such as ["198.18.0.0/15"]
    nat64_prefixes    = []     # this network's own translation prefixes (/96), besides 64:ff9b::/96
    state         = "..."      # where the directory's highest sequence is kept; default: see `state_folder`
    selection_key = "..."      # 32 secret octets, made on first use; default: selection.key in the state directory
    reporting   = "never"      # "always": each refusal is reported (M3), and authorities learn who was there; "ask":
                               # where a person says so, to a program or by `mecai client reports send`
    report_to   = 2            # to how many authorities, of distinct owners, drawn for each report; 16 at most
    report_file = "..."        # where reports wait for that, 0600; default: reports.sqlite3 in the state directory
    direct      = "never"      # "unstapled": where a server sends no voucher, this client asks the authorities itself,
                               # and they learn where it goes (rule M5); "always": no server is asked for any
    audit       = 0.0          # with this probability, an authority that was no candidate is asked, beside an accepted
                               # connection, what it sees (rule S6), and so learns of it; 1.0: each time
    private_domains = []       # names of which no authority hears, such as ["corp.example"], besides those of
                               # [[intranet]] and .internal, .home.arpa, .local, .lan and the like

    [[domain]]                                 # none by default; the most fitting domain counts
    domains = ["example.test"]                 # each with every name below it
    mode    = "warn"                           # there, instead of what stands above; and so may stand here: profile,
                                               # candidates, quorum, selection, contexts, max_voucher_hours,
                                               # max_voucher_age_hours, max_status_hours, reporting, direct,
                                               # audit

    [[intranet]]                               # none by default; one for each private network (rule M4)
    domains  = ["corp.test"]                   # each with every name below it
    roots    = "/etc/mecai/intranet/corp.pem"  # PEM: the private CA's roots, trusted for these domains and no others
    pins     = []              # SHA-256 (hex) of the public keys of its CAs: the chain goes through one of them
    networks = []              # where its OCSP responders are, such as ["10.0.0.0/8"]; public ones are asked anyway
    max_status_hours = 48      # no OCSP response that is older is fresh

    [[regional]]                               # none by default; the most fitting domain counts (rule S4)
    domains = ["example.test"]                 # each with every name below it
    without = ["ca-birch"]                     # regions whose authorities are not named there

`mecai client policy test FILE HOST` says which of them count for a host, docs/spec section 6 what each
of them means. A pin: `openssl x509 -in ca.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum`.
"""

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Self

from mecai.client.choices import DEFAULT_CONFIG, ENFORCE, NEVER, PROFILES, UNSTAPLED, Profile
from mecai.client.domain_entry import LONGEST_HOURS, DomainEntry, check_demand, check_within
from mecai.client.domains import check_distinct, most_fitting, normal_domains
from mecai.client.intranet_entry import IntranetEntry
from mecai.client.regional import RegionalEntry
from mecai.client.tellable import Tellable
from mecai.errors import HostError
from mecai.net.addresses import AddressPolicy
from mecai.protocol.limits import LIMITS
from mecai.protocol.verify.rules import NAT64_PREFIX
from mecai.service.settings import Network, read_settings


@dataclass(frozen=True)
class ClientPolicy:
    """Every key of `client.toml`."""

    directory: Path = Path("/etc/mecai/directory.der")
    publishers: Path = Path("/etc/mecai/publishers.pem")
    mode: str = ENFORCE
    profile: str = "default"
    candidates: int | None = None
    quorum: int | None = None
    selection: str = "sticky"
    contexts: tuple[str, ...] | None = None
    max_voucher_hours: int = LONGEST_HOURS
    max_voucher_age_hours: int = LONGEST_HOURS
    max_status_hours: int | None = None
    cache: bool = False
    cache_file: Path | None = None
    resume: bool = False
    allowed_networks: tuple[Network, ...] = ()
    nat64_prefixes: tuple[Network, ...] = ()
    state: Path | None = None
    selection_key: Path | None = None
    reporting: str = NEVER
    direct: str = NEVER
    audit: float = 0.0
    report_to: int = 2
    report_file: Path | None = None
    private_domains: tuple[str, ...] = ()
    domains: tuple[DomainEntry, ...] = field(default=(), metadata={"key": "domain"})
    regional: tuple[RegionalEntry, ...] = ()
    intranets: tuple[IntranetEntry, ...] = field(default=(), metadata={"key": "intranet"})

    def __post_init__(self) -> None:
        check_demand(vars(self))
        if self.cache_file and not self.cache:
            raise ValueError("cache_file: nothing is kept there without cache = true")
        self._check_files()
        check_within("report_to", self.report_to, LIMITS.candidates)
        if self.private_domains:
            normal_domains("private_domains", self.private_domains)
        self._check_prefixes()
        for key, entries in (("domain", self.domains), ("intranet", self.intranets), ("regional", self.regional)):
            check_distinct(key, chain.from_iterable(entry.names for entry in entries))
        self._check_numbers()

    def _check_files(self) -> None:
        kept = {"cache_file": self.cache_file, "report_file": self.report_file}
        for key, path in kept.items():
            others = (self.selection_key_file, self.directory, self.publishers, *kept.values()) if path else ()
            if others.count(path) > (path in kept.values()):
                raise ValueError(f"{key}: {path} is another file of this client")

    def _check_numbers(self) -> None:
        if self.numbers.quorum > self.numbers.candidates:
            raise ValueError(f"quorum: {self.numbers.quorum} of {self.numbers.candidates} candidates cannot vouch")
        for entry in self.domains:
            try:
                self._with(entry)
            except ValueError as error:
                raise ValueError(f"{error} for {entry.domains[0]}") from error

    def _check_prefixes(self) -> None:
        for prefix in self.nat64_prefixes:
            if prefix.version != 6 or prefix.prefixlen != 96:  # noqa: PLR2004 - IPv6, and the one length that V9 unmaps
                raise ValueError(f"nat64_prefixes: {prefix} is no IPv6 prefix of length 96")

    @cached_property
    def numbers(self) -> Profile:
        """How many candidates, how many vouchers."""
        profile = PROFILES[self.profile]
        return Profile(self.candidates or profile.candidates, self.quorum or profile.quorum)

    @property
    def caches(self) -> bool:
        """Whether vouchers are kept, and named: not under `warn`, which forgets none that fails (M1)."""
        return self.cache and self.mode == ENFORCE

    @property
    def resumes(self) -> bool:
        """Whether sessions are kept, and offered: not under `warn`, where nothing is (M1)."""
        return self.resume and self.mode == ENFORCE

    def by_domain(self) -> dict[str, Self]:
        """Return the policy for each domain of a `[[domain]]` and every name below it; it has no such table itself."""
        return {name: self._with(entry) for entry in self.domains for name in entry.names}

    def _with(self, entry: DomainEntry) -> Self:
        return replace(self, domains=(), **entry.changes)

    def at(self, destination: str) -> Self:
        """Return the policy for a host name, as the most fitting `[[domain]]` says, or for an IP address."""
        return most_fitting(self.by_domain(), destination) or self

    def instead(self, mode: str | None, profile: str | None, *, direct: bool = False, audit: bool = False) -> Self:
        """Return the policy with what a person says for this once; it goes before every table."""
        now: dict[str, Any] = {"mode": mode} if mode else {}
        if direct:
            now |= {"direct": UNSTAPLED}
        if audit:
            now |= {"audit": 1.0}
        if profile:
            now |= {"profile": profile, "candidates": None, "quorum": None}
        nothing: dict[str, Any] = dict.fromkeys(now)
        entries = tuple(replace(entry, **nothing) for entry in self.domains)
        return replace(self, **now, domains=entries)

    @cached_property
    def max_voucher_lifetime(self) -> timedelta:
        """The longest life of a voucher that is accepted."""
        return timedelta(hours=self.max_voucher_hours)

    @property
    def max_voucher_age(self) -> timedelta:
        """How long ago a voucher may have been made that is accepted."""
        return timedelta(hours=self.max_voucher_age_hours)

    @property
    def max_status_age(self) -> timedelta | None:
        """How old a status in a voucher may be, None for what docs/spec says of each kind (E3, E4)."""
        return None if self.max_status_hours is None else timedelta(hours=self.max_status_hours)

    @property
    def state_folder(self) -> Path:
        """`state`, or `mecai` under the user's state directory (XDG Base Directory Specification)."""
        return self.state or Path(os.environ.get("XDG_STATE_HOME") or _home() / ".local" / "state") / "mecai"

    @property
    def reports(self) -> Path:
        """Where reports wait."""
        return self.report_file or self.state_folder / "reports.sqlite3"

    @property
    def tellable(self) -> Tellable:
        """Of which servers authorities may hear."""
        private = normal_domains("private_domains", self.private_domains) if self.private_domains else ()
        networks = chain.from_iterable(entry.names for entry in self.intranets)
        prefixes = (NAT64_PREFIX, *map(str, self.nat64_prefixes))
        return Tellable((*networks, *private), AddressPolicy(self.allowed_networks), prefixes)

    @property
    def selection_key_file(self) -> Path:
        """Where the selection key lies."""
        return self.selection_key or self.state_folder / "selection.key"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # a container's user, who is in no passwd(5)
        user = f"user {os.getuid()} has no home folder, where the client's state would be"
        raise HostError(f"{user}; set HOME, or `state` in client.toml") from error


def read_policy(path: Path = DEFAULT_CONFIG) -> ClientPolicy:
    """Read `client.toml`; raises `HostError` or `InputError` with one line that names the key."""
    return read_settings(path, ClientPolicy)
