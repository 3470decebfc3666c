"""Of which servers a Voucher Authority may hear: not of a private network's, nor of private names and addresses.

What leaves a client (a report, a question in direct mode) has a server's certificates and its address, and is not made
at all where one of them names what is private (docs/spec, section 14): a certificate cannot be told without its names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from mecai.errors import InputError
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.protocol.pki.certificates import extension_of
from mecai.protocol.pki.identity import address_octets
from mecai.protocol.pki.names import dns_names
from mecai.protocol.verify.intranet import domain_of
from mecai.protocol.verify.rules import NAT64_PREFIX, unmapped

# RFC 6762 with its appendix G, 7686 (onion), 8375 (home.arpa), 9476 (alt); ICANN's `internal`.
PRIVATE_SUFFIXES: Final = (
    "alt", "corp", "home", "home.arpa", "internal", "intranet", "lan", "local", "onion", "private",
)  # fmt: skip
_SAYS_NOTHING: Final = "localhost"  # in a certificate; a server of that name is at an address that is not public


@dataclass(frozen=True)
class Tellable:
    """A person's private `domains` (in normal form), besides those that are private everywhere; which addresses are.

    An address that a network translates (`nat64_prefixes`) is told as the IPv4 address that it stands for.
    """

    domains: tuple[str, ...]
    addresses: AddressPolicy
    nat64_prefixes: tuple[str, ...] = (NAT64_PREFIX,)

    def check(self, server_name: str | None, peer_address: str | None, chain: Sequence[x509.Certificate]) -> bytes:
        """Return the octets of the server's address; raises `InputError` with what is private.

        `chain` is what the server showed, end entity first.
        """
        if not chain:
            raise InputError("the server showed no certificate")
        if peer_address is None:
            raise InputError("the server's address is not known")
        for name in filter(None, (server_name, *_names(chain[0]))):
            self.check_name(name)
        for name in _common_names(chain[0]):  # often no host name at all
            self._check_domain(name)
        address = unmapped(address_octets(peer_address.partition("%")[0]), self.nat64_prefixes)
        self._check_address(address)
        return address

    def check_name(self, name: str) -> None:
        """Refuse, as `InputError`, a name that is private, or an address that stands for one."""
        if (address := _address(name)) is not None:
            self._check_address(unmapped(address, self.nat64_prefixes))
            return
        self._check_domain(name)
        if "." not in name.removesuffix(".") and name != _SAYS_NOTHING:
            raise InputError(f"{name} is no name of the public DNS")

    def _check_domain(self, name: str) -> None:
        if domain := domain_of(name, (*self.domains, *PRIVATE_SUFFIXES)):
            raise InputError(f"{name} lies in {domain}, which is private")

    def _check_address(self, address: bytes) -> None:
        try:
            self.addresses.check(address)
        except AddressRefused as error:
            raise InputError(error.detail) from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and the addresses that a certificate is for."""
    try:
        return *dns_names(certificate), *_addresses(certificate)
    except ValueError as error:  # an extension that does not parse
        raise InputError("the certificate's names cannot be read") from error


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    names = extension_of(certificate, x509.SubjectAlternativeName)
    found = names.value.get_values_for_type(x509.IPAddress) if names else ()
    return tuple(str(each).partition("/")[0] for each in found)  # what has twice the octets reads as a network


def _common_names(certificate: x509.Certificate) -> tuple[str, ...]:
    return tuple(str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))


def _address(name: str) -> bytes | None:
    try:
        return address_octets(name.partition("%")[0])
    except InputError:
        return None
