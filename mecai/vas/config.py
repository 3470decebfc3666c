"""What an operator settles in `/etc/mecai/vas.toml`: every key, with its default where it has one.

    certificate = "/var/lib/mecai-vas-signer/certificate.pem" # the VA's certificate
    root        = "/var/lib/mecai-ca-public/root.pem"       # the CA root that issued it
    database    = "sqlite:////var/lib/mecai-vas/vas.sqlite" # or postgresql+psycopg://...
    nodes_crl   = "/etc/mecai/agents-crl.pem"               # nginx's, of revoked nodes: the server says when they end

    lifetime_hours      = 24                 # of a voucher, at most 72
    hold                = "P3D"              # of a certificate seen for the first time; "PT0S": no hold
    expedite            = false              # whether two other VAs may end a hold (docs/spec H8)
    voucher_log_days    = 400                # how long the voucher log reaches back
    voucher_reuse_minutes = 10               # so long a voucher answers whoever asks for the same (docs/spec R6), at
                                             # most a quarter of its life; 0: each request gets one of its own
    ports               = [443, 993]         # that may be probed, below 1024
    allowed_networks    = ["198.18.0.0/15"]  # exceptions to the list of refused addresses
    refused_networks    = ["203.0.113.0/28"] # the VAS's own networks
    distrusted          = []                 # SHA-256 (hex) over the SubjectPublicKeyInfo of CAs that get no voucher
    requests_per_minute = 60                 # of one requester
    address_requests_per_minute     = 60     # probes of one address, whoever asks; as many for servers that name it too
    certificate_requests_per_minute = 60     # probes for one certificate, whoever asks
    own_requests_per_minute         = 30     # from an address that is to be probed itself: counted apart, and first
    vouchers_per_day    = 96                 # for one certificate at one address, and as many that this one asks for
    reports_per_day     = 20                 # of one reporter; 4 times as many of his /24, 16 times of his /16
    parallel_requests   = 12                 # at work at once: one requester a third at most, a third kept for servers
                                             # that ask about themselves; keep it below the HTTP threads
    trusted_proxies     = 1                  # that add to X-Forwarded-For in front of this server

    report_key          = "/var/lib/mecai-vas/report-key.pem" # signs reports and incident notices to other VAs and
                                             # nothing else (docs/spec K4); without it nothing is sent to them

    [signer]                                 # who has the VA's key: another process (mecai vas signer); or this one,
    socket = "/run/mecai-vas-signer/signer.sock" # with key = "/var/lib/mecai-vas/key.pem" above, instead of this table

    [mail]                                   # who tells the owners of domains, and how; nobody is told without it
    sender      = "notary@birch.test"        # docs/spec D5
    key         = "/var/lib/mecai-vas/mail-key.pem"          # signs mail and nothing else
    certificate = "/var/lib/mecai-vas/mail-certificate.pem"  # S/MIME, for the sender
    relay       = "mail.birch.test"          # takes mail from this host
    port        = 25
    starttls    = false
    new_addresses = false                    # whether owners hear of new addresses of what is known (docs/spec H10)
    registries  = "/etc/mecai/rdap.json"     # IANA's list of RDAP services (RFC 9224); without it none is asked
    roots       = "/etc/mecai/mail-roots.pem"  # whom registries and relay must chain to, instead of this host's trust

    [perspectives]                           # agents on other networks (docs/spec P5); without: this host alone looks
    region      = "north"                    # where this host is: more are elsewhere than may fail (ADR 0059)
    key         = "/var/lib/mecai-vas/agents-key.pem"          # that the agents know this VAS by
    certificate = "/var/lib/mecai-vas/agents-certificate.pem"
    roots       = "/etc/mecai/agents-roots.pem"                # the VA's private CA
    crl         = "/etc/mecai/agents-crl.pem"                  # optional: its lists of revoked certificates, which
                                             # something else replaces; without: a stolen key is good to its end

    [[perspectives.agent]]
    name   = "east"                          # for the log
    url    = "https://agent-east.birch.test:8443"
    region = "east"

    [[directory]]                            # one per trust context
    context    = "MOZ"
    publishers = "/etc/mecai/publishers.pem"
    path       = "/etc/mecai/directory.der"  # something else puts it there; or

    [[directory]]
    context    = "ALT"
    publishers = "/etc/mecai/contexts/ALT/publishers.pem"
    url        = "https://publisher.example/directory.der"  # `mecai vas context refresh` fetches it from there
    roots      = "/etc/mecai/contexts/ALT/roots.pem"        # that web server's; without: those that this host trusts

Networks are given for the example: none is allowed or refused by default beyond docs/spec P3.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mecai.errors import InputError
from mecai.net.url import read_url
from mecai.probing.quorum import Perspective, crowded_region, may_fail
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher_info import PORTS, TLS_PORTS
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.service.database_url import is_file, is_server, lists_of, require_guarded
from mecai.service.settings import Network, read_settings


@dataclass(frozen=True)
class Bounds:
    """How many requests a minute are let in, of each kind; how many vouchers and reports a day (docs/spec R9)."""

    requester: int = 60
    address: int = 60
    certificate: int = 60
    own: int = 30
    vouchers: int = 96
    reports: int = 20  # a day


@dataclass(frozen=True)
class ContextSource:
    """One trust context: its name, the certificates of its one publisher, and where its signed directory comes from.

    That is a file (`path`), or `url`, whose web server chains to `roots`.
    """

    context: str
    publishers: Path
    path: Path | None = None
    url: str | None = None
    roots: Path | None = None

    def __post_init__(self) -> None:
        name = f"directory: {self.context}"
        _require((self.path is None) != (self.url is None), f"{name}: give either path or url")
        _require(self.roots is None or self.url is not None, f"{name}: roots are those of a url, and there is none")
        if self.url is not None:
            try:
                read_url(self.url, "https")
            except InputError as error:
                raise ValueError(f"{name}: url: {error}") from error


@dataclass(frozen=True)
class SignerSettings:
    """Where the signer answers, which has the VA's key."""

    socket: Path


@dataclass(frozen=True)
class MailSettings:
    """Who tells the owners of domains, and how."""

    sender: str
    key: Path
    certificate: Path
    relay: str
    port: int = 25
    starttls: bool = False
    new_addresses: bool = False
    registries: Path | None = None
    roots: Path | None = None

    def __post_init__(self) -> None:
        local, at, domain = self.sender.rpartition("@")
        _require(bool(local and at and domain), f"mail.sender: {self.sender!r} is no mail address")
        _require(0 < self.port < 1 << 16, f"mail.port: {self.port} is no port")


@dataclass(frozen=True)
class AgentSettings:
    """An agent on another network (docs/spec P5): its name for the log, its https URL, the region where it is."""

    name: str
    url: str
    region: str

    def __post_init__(self) -> None:
        _require(bool(self.name and self.region), f"perspectives.agent: {self.url}: give a name and a region")
        try:
            read_url(self.url, "https")
        except InputError as error:
            raise ValueError(f"perspectives.agent: {self.name}: url: {error}") from error


@dataclass(frozen=True)
class PerspectiveSettings:
    """The region of this VAS, its agents, and what both know each other by: the VA's private CA."""

    region: str
    key: Path
    certificate: Path
    roots: Path
    agents: tuple[AgentSettings, ...] = field(metadata={"key": "agent"})
    crl: Path | None = None

    def __post_init__(self) -> None:
        names = [agent.name for agent in self.agents]
        _require(bool(names), "perspectives: no [[perspectives.agent]] is given")
        _require(len(names) == len(set(names)), f"perspectives: two agents of one name in {', '.join(names)}")
        self._require_quorum()

    def _require_quorum(self) -> None:
        """Refuse what is no quorum of two regions any more where as many fail as may, the VAS among them (ADR 0059)."""
        places = [Perspective("", self.region), *(Perspective(agent.name, agent.region) for agent in self.agents)]
        regions = dict.fromkeys(place.region for place in places)
        one = len({region.strip().casefold() for region in regions}) == len(regions)
        _require(one, f"perspectives: a region is written in two ways in {', '.join(regions)}")
        crowded = crowded_region(places)
        elsewhere = sum(place.region != crowded for place in places)
        failing = may_fail(len(self.agents))
        seen = f"{elsewhere} of {len(places)} (this VAS and its agents) are outside the region {crowded}"
        _require(
            crowded is None, f"perspectives: {seen}, and {failing} may fail; expected {failing + 1} there at least"
        )


@dataclass(frozen=True)
class VasConfig:
    """Every key of `vas.toml`."""

    certificate: Path
    root: Path
    database: str
    directories: tuple[ContextSource, ...] = field(metadata={"key": "directory"})
    key: Path | None = None
    signer: SignerSettings | None = None
    mail: MailSettings | None = None
    perspectives: PerspectiveSettings | None = None
    lifetime_hours: int = 24
    hold: timedelta = timedelta(days=3)
    expedite: bool = False
    voucher_log_days: int = 400
    voucher_reuse_minutes: int = 10
    ports: tuple[int, ...] = TLS_PORTS
    allowed_networks: tuple[Network, ...] = ()
    refused_networks: tuple[Network, ...] = ()
    distrusted: tuple[str, ...] = ()
    requests_per_minute: int = Bounds.requester
    address_requests_per_minute: int = Bounds.address
    certificate_requests_per_minute: int = Bounds.certificate
    own_requests_per_minute: int = Bounds.own
    vouchers_per_day: int = Bounds.vouchers
    reports_per_day: int = Bounds.reports
    parallel_requests: int = 12
    report_key: Path | None = None
    nodes_crl: Path | None = None
    trusted_proxies: int = 1

    def __post_init__(self) -> None:
        _require((self.key is None) != (self.signer is None), "give either key or [signer], who has the VA's key")
        longest = LIMITS.voucher_lifetime // timedelta(hours=1)
        _require(1 <= self.lifetime_hours <= longest, f"lifetime_hours: {self.lifetime_hours} is outside 1..{longest}")
        minutes = self.voucher_reuse_minutes
        _require(minutes >= 0, f"voucher_reuse_minutes: {minutes} is below 0; expected minutes, 0 for no reuse")
        # Not shown: it may hold a password.
        known = is_file(self.database) or is_server(self.database)
        _require(known, "database: expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
        require_guarded(self.database)
        _require(bool(self.directories), "directory: none given; expected one [[directory]] per trust context")
        contexts = [directory.context for directory in self.directories]
        _require(len(contexts) == len(set(contexts)), f"directory: two of one context in {', '.join(contexts)}")
        for port in self.ports:
            _require(port in PORTS, f"ports: {port} is outside {PORTS[0]}..{PORTS[-1]}")
        for text in self.distrusted:
            _require(_is_hash(text), f"distrusted: {text!r} is no SHA-256; expected {2 * HASH_SIZE} hex digits")
        rates = [f"{prefix}requests_per_minute" for prefix in ("", "address_", "certificate_", "own_")]
        for key in (*rates, "voucher_log_days", "vouchers_per_day", "reports_per_day", "parallel_requests"):
            _require(getattr(self, key) >= 1, f"{key}: {getattr(self, key)} is below 1")
        _require(self.trusted_proxies >= 0, f"trusted_proxies: {self.trusted_proxies} is below 0")

    @property
    def lifetime(self) -> timedelta:
        """How long a voucher lives at most."""
        return timedelta(hours=self.lifetime_hours)

    @property
    def reuse(self) -> timedelta:
        """How long a voucher answers whoever asks for the same."""
        return timedelta(minutes=self.voucher_reuse_minutes)

    @property
    def bounds(self) -> Bounds:
        """How many requests a minute are let in, and how many vouchers and reports a day (docs/spec R9)."""
        return Bounds(
            self.requests_per_minute,
            self.address_requests_per_minute,
            self.certificate_requests_per_minute,
            self.own_requests_per_minute,
            self.vouchers_per_day,
            self.reports_per_day,
        )

    @property
    def lists(self) -> dict[str, Path]:
        """The files of revoked certificates that this node goes by, by who is held against them."""
        agents = self.perspectives and self.perspectives.crl
        named = (("agents", agents), ("nodes", self.nodes_crl), ("database", lists_of(self.database)))
        return {who: path for who, path in named if path}

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
