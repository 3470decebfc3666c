"""What must not leave a private network: names and addresses of which no Voucher Authority is to hear (docs/spec, 6.5).

A certificate of a private CA reaches no root of the directory, and none is asked for it in any case. What is held back
here as well is what a public CA has certified: a name below one of the operator's private domains, and a server at an
address that is no public one, where no VAS could connect to.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from mecai.errors import InputError
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.protocol.pki.names import dns_names
from mecai.protocol.verify.intranet import domain_of
from mecai.sidecar.config import CertificateEntry, SidecarConfig


@dataclass(frozen=True)
class Privacy:
    """The operator's private `domains` (host names in normal form), and which addresses count as public."""

    domains: tuple[str, ...]
    addresses: AddressPolicy

    def check(self, entry: CertificateEntry, certificate: x509.Certificate) -> None:
        """Refuse, as `InputError`, an end entity that is shown where, or bears a name that, is private."""
        for name in (*dns_names(certificate), *filter(None, [entry.server_name])):
            if domain := domain_of(name, self.domains):
                raise _refused(entry.chain, f"{name} lies in the private domain {domain} (intranet_domains)")
        for address in entry.octets:
            try:
                self.addresses.check(address)
            except AddressRefused as error:
                raise _refused(entry.chain, f"{error.detail} (allowed_networks)") from error


def privacy_of(config: SidecarConfig) -> Privacy:
    """Return what the settings say."""
    return Privacy(config.private_names, AddressPolicy(config.allowed_networks))


def _refused(chain: Path, why: str) -> InputError:
    return InputError(f"{chain}: no Voucher Authority is asked for it: {why}")
