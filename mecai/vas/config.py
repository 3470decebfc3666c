"""What an operator settles in `/etc/mecai/vas.toml`: every key, with its default where it has one.

    key         = "/var/lib/mecai-vas/key.pem"              # signs vouchers and nothing else
    certificate = "/var/lib/mecai-vas/certificate.pem"      # the VA's certificate
    root        = "/var/lib/mecai-ca-public/root.pem"       # the CA root that issued it
    database    = "sqlite:////var/lib/mecai-vas/vas.sqlite" # or postgresql+psycopg://...

    lifetime_hours      = 24                 # of a voucher, at most 72
    hold_hours          = 72                 # of a certificate seen for the first time; 0: no hold
    voucher_log_days    = 400                # how long the voucher log reaches back
    ports               = [443, 993]         # that may be probed, below 1024
    allowed_networks    = ["198.18.0.0/15"]  # exceptions to the list of refused addresses
    refused_networks    = ["203.0.113.0/28"] # the VAS's own networks
    distrusted          = []                 # SHA-256 (hex) over the SubjectPublicKeyInfo of CAs that get no voucher
    requests_per_minute = 60                 # of one requester
    address_requests_per_minute     = 60     # for one address that is to be probed, whoever asks
    certificate_requests_per_minute = 60     # for one certificate, whoever asks
    own_requests_per_minute         = 30     # from an address that is to be probed itself: counted apart, and first
    vouchers_per_day    = 96                 # for one certificate at one address, and as many that its server asks for
    parallel_requests   = 12                 # at work at once: one requester a third at most, a third kept for servers
                                             # that ask about themselves; keep it below the HTTP threads
    trusted_proxies     = 1                  # that add to X-Forwarded-For in front of this server

    [[directory]]                            # one per trust context
    context    = "MOZ"
    path       = "/etc/mecai/directory.der"
    publishers = "/etc/mecai/publishers.pem"

Networks are given for the example: none is allowed or refused by default beyond docs/spec P3.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.service.settings import Network, read_settings

# docs/spec, P4: the ports below 1024 that carry TLS.
TLS_PORTS: Final = (443, 465, 563, 636, 853, 989, 990, 992, 993, 995)


@dataclass(frozen=True)
class Bounds:
    """How many requests a minute are let in, of each kind, and how many vouchers a day are signed (docs/spec R9)."""

    requester: int = 60
    address: int = 60
    certificate: int = 60
    own: int = 30
    vouchers: int = 96


@dataclass(frozen=True)
class DirectoryFile:
    """One trust context: its name, its signed directory, and the certificates of its one publisher."""

    context: str
    path: Path
    publishers: Path


@dataclass(frozen=True)
class VasConfig:
    """Every key of `vas.toml`."""

    key: Path
    certificate: Path
    root: Path
    database: str
    directories: tuple[DirectoryFile, ...] = field(metadata={"key": "directory"})
    lifetime_hours: int = 24
    hold_hours: int = 72
    voucher_log_days: int = 400
    ports: tuple[int, ...] = TLS_PORTS
    allowed_networks: tuple[Network, ...] = ()
    refused_networks: tuple[Network, ...] = ()
    distrusted: tuple[str, ...] = ()
    requests_per_minute: int = Bounds.requester
    address_requests_per_minute: int = Bounds.address
    certificate_requests_per_minute: int = Bounds.certificate
    own_requests_per_minute: int = Bounds.own
    vouchers_per_day: int = Bounds.vouchers
    parallel_requests: int = 12
    trusted_proxies: int = 1

    def __post_init__(self) -> None:
        longest = LIMITS.voucher_lifetime // timedelta(hours=1)
        _require(1 <= self.lifetime_hours <= longest, f"lifetime_hours: {self.lifetime_hours} is outside 1..{longest}")
        _require(self.hold_hours >= 0, f"hold_hours: {self.hold_hours} is below 0; expected hours, 0 for no hold")
        _require(self.voucher_log_days >= 1, f"voucher_log_days: {self.voucher_log_days} is below 1")
        _require(bool(self.directories), "directory: none given; expected one [[directory]] per trust context")
        contexts = [directory.context for directory in self.directories]
        _require(len(contexts) == len(set(contexts)), f"directory: two of one context in {', '.join(contexts)}")
        for port in self.ports:
            _require(port in PORTS, f"ports: {port} is outside {PORTS[0]}..{PORTS[-1]}")
        for text in self.distrusted:
            _require(_is_hash(text), f"distrusted: {text!r} is no SHA-256; expected {2 * HASH_SIZE} hex digits")
        for prefix in ("", "address_", "certificate_", "own_"):
            key = f"{prefix}requests_per_minute"
            _require(getattr(self, key) >= 1, f"{key}: {getattr(self, key)} is below 1")
        _require(self.vouchers_per_day >= 1, f"vouchers_per_day: {self.vouchers_per_day} is below 1")
        _require(self.parallel_requests >= 1, f"parallel_requests: {self.parallel_requests} is below 1")
        _require(self.trusted_proxies >= 0, f"trusted_proxies: {self.trusted_proxies} is below 0")

    @property
    def lifetime(self) -> timedelta:
        """How long a voucher lives at most."""
        return timedelta(hours=self.lifetime_hours)

    @property
    def hold(self) -> timedelta:
        """How long a certificate waits from its first sight."""
        return timedelta(hours=self.hold_hours)

    @property
    def bounds(self) -> Bounds:
        """How many requests a minute are let in, and how many vouchers a day are signed (docs/spec R9)."""
        return Bounds(
            self.requests_per_minute,
            self.address_requests_per_minute,
            self.certificate_requests_per_minute,
            self.own_requests_per_minute,
            self.vouchers_per_day,
        )

    @property
    def distrusted_keys(self) -> frozenset[bytes]:
        """SPKI hashes of the CAs that the operator gives no voucher at all."""
        return frozenset(bytes.fromhex(text) for text in self.distrusted)


def read_config(path: Path) -> VasConfig:
    """Read `vas.toml`; raises `HostError` or `InputError` with one line that names the key."""
    return read_settings(path, VasConfig)


def _is_hash(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == HASH_SIZE
    except ValueError:
        return False


def _require(condition: bool, line: str) -> None:
    if not condition:
        raise ValueError(line)
