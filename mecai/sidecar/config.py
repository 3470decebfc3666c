"""What an operator settles in `/etc/mecai/sidecar.toml`: every key, with its default where it has one.

    directory  = "/etc/mecai/directory.der"    # the signed directory, whose Voucher Authorities are asked
    publishers = "/etc/mecai/publishers.pem"   # the pinned certificates of its publisher
    state      = "/var/lib/mecai-sidecar"      # staples/ for the TLS server, private/ for the sidecar
    refresh_hours     = 12                     # at most this long between two vouchers of one authority
    parallel_requests = 16                     # so many authorities and responders at once, each for one thing
    allowed_networks  = ["198.18.0.0/15"]      # OCSP responders here are asked, and servers here are named to Voucher
                                               # Authorities, in spite of docs/spec P3; default: none
    intranet_domains  = ["corp.test"]          # no Voucher Authority hears of names in these domains; default: none
    metrics_file      = "/var/lib/mecai-sidecar/metrics.prom"    # for the node exporter of Prometheus (textfile)
    metrics_address   = "127.0.0.1:9786"       # where Prometheus asks, on loopback; default: neither

    [[certificate]]                            # one per certificate that the TLS server shows
    chain       = "/etc/nginx/tls/www.pem"     # PEM: end entity, then intermediates; readable by the sidecar's user
    addresses   = ["198.18.4.2", "2001:db8:4::2"]
    port        = 443                          # below 1024: no other is probed (docs/spec O10)
    server_name = "www.example.test"           # optional: the SNI that brings this certificate; default: its first name
    succession  = "/etc/nginx/tls/www.succession"  # optional: what `mecai sidecar succession` wrote, if it is there

    optional    = false                        # true: no fault if the chain is not there, or is that of another entry,
                                               # as one of a later certificate

    [[chains]]                                 # every chain of a folder, all shown at the same addresses and port
    folder      = "/etc/letsencrypt/live"
    pattern     = "*/fullchain.pem"            # default: *.pem
    addresses   = ["198.18.4.2"]
    port        = 443

Networks and domains are examples: there are none by default. Everything else may be left out, but the certificates:
there must be one, or a folder for them.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mecai.errors import InputError, Malformed
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki.identity import address_octets, check_addresses
from mecai.protocol.pki.names import host_name, host_name_of
from mecai.service.endpoint import read_endpoint
from mecai.service.settings import Network, read_settings


@dataclass(frozen=True)
class CertificateEntry:
    """One certificate of the TLS server, and where it is shown."""

    chain: Path
    addresses: tuple[str, ...]
    port: int = 443
    server_name: str | None = None
    succession: Path | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        try:
            check_addresses(self.octets)
            if self.server_name is not None:
                host_name(self.server_name)
        except Malformed as error:
            raise ValueError(f"certificate.{error.detail}") from error
        except InputError as error:
            raise ValueError(f"certificate: {error}") from error
        if self.port not in PORTS:
            raise ValueError(f"certificate.port: {self.port} is outside {PORTS[0]}..{PORTS[-1]}")

    @property
    def octets(self) -> tuple[bytes, ...]:
        """The addresses as they travel: 4 or 16 octets."""
        return tuple(address_octets(address) for address in self.addresses)


@dataclass(frozen=True)
class ChainFolder:
    """Further certificates: each file of a folder that is like `pattern`."""

    folder: Path
    addresses: tuple[str, ...]
    pattern: str = "*.pem"
    port: int = 443

    def __post_init__(self) -> None:
        try:
            self.entry(self.folder)
        except ValueError as error:
            raise ValueError(f"chains: {error}") from error
        if not self.pattern or self.pattern.startswith("/") or not {"..", "**"}.isdisjoint(self.pattern.split("/")):
            raise ValueError(f"chains.pattern: {self.pattern!r}; expected one inside the folder, such as '*.pem'")

    def entry(self, chain: Path) -> CertificateEntry:
        """Return the entry of one file."""
        return CertificateEntry(chain, self.addresses, self.port)


@dataclass(frozen=True)
class SidecarConfig:
    """Every key of `sidecar.toml`."""

    certificates: tuple[CertificateEntry, ...] = field(default=(), metadata={"key": "certificate"})
    directory: Path = Path("/etc/mecai/directory.der")
    publishers: Path = Path("/etc/mecai/publishers.pem")
    state: Path = Path("/var/lib/mecai-sidecar")
    refresh_hours: int = 12
    parallel_requests: int = 16
    allowed_networks: tuple[Network, ...] = ()
    intranet_domains: tuple[str, ...] = ()
    chains: tuple[ChainFolder, ...] = ()
    metrics_file: Path | None = None
    metrics_address: str | None = None

    def __post_init__(self) -> None:
        if not self.certificates and not self.chains:
            raise ValueError("certificate: none given; expected one [[certificate]] per certificate of the server")
        for key in ("refresh_hours", "parallel_requests"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}: {getattr(self, key)} is below 1")
        if self.metrics_address is not None and not _on_loopback(self.metrics_address):
            raise ValueError(f"metrics_address: {self.metrics_address!r}; expected one such as '127.0.0.1:9786'")
        _ = self.private_names

    @property
    def private_names(self) -> tuple[str, ...]:
        """The private domains in normal form; raises `ValueError` for what is no host name."""
        try:
            return tuple(map(host_name_of, self.intranet_domains))
        except InputError as error:
            raise ValueError(f"intranet_domains: {error}") from error

    @property
    def staples(self) -> Path:
        """What the TLS server reads."""
        return self.state / "staples"

    @property
    def private(self) -> Path:
        """What the sidecar remembers."""
        return self.state / "private"

    @property
    def interval(self) -> timedelta:
        """The longest time between two vouchers of one authority."""
        return timedelta(hours=self.refresh_hours)


def _on_loopback(text: str) -> bool:
    try:
        address, port = read_endpoint(text)
    except ValueError:
        return False
    return address.is_loopback and port > 0


def read_config(path: Path) -> SidecarConfig:
    """Read `sidecar.toml`; raises `HostError` or `InputError` with one line that names the key."""
    return read_settings(path, SidecarConfig)
