"""What an operator settles in `/etc/mecai/perspective.toml`: every key, with its default where it has one.

key              = "/var/lib/mecai-perspective/key.pem"          # what this agent shows, for its name or address
certificate      = "/var/lib/mecai-perspective/certificate.pem"  # with its chain, of the VA's private CA
roots            = "/etc/mecai/agents-roots.pem"  # of that CA alone: whom it certified as a client may ask
crl              = "/etc/mecai/agents-crl.pem"  # optional: whom it revoked; something else replaces the file (ADR 0057)
address          = "::"                 # where it listens
port             = 8443
clients          = ["192.0.2.53/32"]    # whence the VAS connects; empty, whoever: he shakes hands at least
parallel         = 8                    # questions at work at once
ports            = [443, 993]           # that may be probed, below 1024
allowed_networks = ["198.18.0.0/15"]    # exceptions to the list of refused addresses (docs/spec P3)
refused_networks = ["203.0.113.0/28"]   # the networks of this agent's own operator
refused_domains  = ["corp.example"]     # the domains that his resolvers alone know: nobody is told what is in them,
                                        # by whichever name: what stands for one of theirs (CNAME) is refused, too
"""

from dataclasses import dataclass
from pathlib import Path

from mecai.errors import InputError
from mecai.protocol.objects.voucher_info import PORTS, TLS_PORTS
from mecai.protocol.pki.names import host_name
from mecai.service.settings import Network


@dataclass(frozen=True)
class PerspectiveConfig:
    """Every key of `perspective.toml`."""

    key: Path
    certificate: Path
    roots: Path
    crl: Path | None = None
    address: str = "::"
    port: int = 8443
    clients: tuple[Network, ...] = ()
    parallel: int = 8
    ports: tuple[int, ...] = TLS_PORTS
    allowed_networks: tuple[Network, ...] = ()
    refused_networks: tuple[Network, ...] = ()
    refused_domains: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for port in self.ports:
            if port not in PORTS:
                raise ValueError(f"ports: {port} is outside {PORTS[0]}..{PORTS[-1]}")
        if not 0 < self.port < 1 << 16:
            raise ValueError(f"port: {self.port} is no port")
        if self.parallel < 1:
            raise ValueError(f"parallel: {self.parallel} is below 1")
        for domain in self.refused_domains:
            try:
                host_name(domain)
            except InputError as error:
                raise ValueError(f"refused_domains: {error}") from error

    def refuses(self, name: str) -> bool:
        """Tell whether a name is in one of the refused domains."""
        return any(f".{name}".endswith(f".{domain.lower()}") for domain in self.refused_domains)
