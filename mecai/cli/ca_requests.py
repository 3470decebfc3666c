"""What an authority answers on request, one at a time: `mecai ca issue`, `mecai ca check` and `mecai ca batch`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import accept_key, dns_name, load_request, request_names
from mecai.ca.authority.operations import CertificateAuthority
from mecai.ca.authority.profiles import DNS, MAIL, RULES
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.records import CertificateProfile
from mecai.cli.arguments import config_option, now
from mecai.errors import InputError
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.pem import certificates_in
from mecai.service.settings import read_settings

ON_REQUEST: Final = [profile.value for profile in CertificateProfile if profile is not CertificateProfile.ROOT]
with_config: Final = config_option("/etc/mecai/ca.toml", "Configuration of the authority.")


@dataclass(frozen=True)
class CertificateRequest:
    """What is to be certified: the key of a CSR (PEM), for `dns` instead of its own names, or for `email`.

    `days` are instead of the configured ones.
    """

    profile: str
    csr: str
    dns: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    days: int | None = None

    def __post_init__(self) -> None:
        if self.profile not in ON_REQUEST:
            raise ValueError(f"profile: {self.profile!r}; expected one of {', '.join(ON_REQUEST)}")
        require_ascii("csr", self.csr)
        require_ascii("dns", *self.dns)
        require_ascii("email", *self.email)


def require_ascii(field: str, *texts: str) -> None:
    """Raise `ValueError` for a text of a request that holds anything else: no PEM does, nor a name in a certificate."""
    if not all(text.isascii() for text in texts):
        raise ValueError(f"{field}: holds a character that is not ASCII")


def read_config(path: Path) -> AuthorityConfig:
    """Read the configuration of an authority; raises `HostError`, `InputError`."""
    return read_settings(path, AuthorityConfig)


# Issues what was accepted; raises `InputError`, `HostError`.
Issue = Callable[[CertificateAuthority], tuple[x509.Certificate, ...]]


def accept(wanted: CertificateRequest) -> Issue:
    """Judge a request by itself; raises `InputError`. What is returned has an authority certify it."""
    kind, request = CertificateProfile(wanted.profile), load_request(wanted.csr.encode())
    names = _names(kind, wanted) or (request_names(request) if RULES[kind].names is DNS else ())
    key = accept_key(request.public_key())
    return lambda authority: authority.issue(kind, key, names, wanted.days, now())


def chain_pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Return certificates as PEM, in their order."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def judge(authority: CertificateAuthority, pem: bytes, source: str) -> str:
    """Return the line that says that a certificate is good; of several in the PEM from `source`, the first.

    Raises `NotGood`, `InputError`, `HostError`.
    """
    found = certificates_in(pem, source)[0]
    entry = authority.check(found, now())
    return f"good: {entry.profile} certificate {entry.serial}, valid until {found.not_valid_after_utc}"


def _names(kind: CertificateProfile, wanted: CertificateRequest) -> tuple[str, ...]:
    """Return the names that were given, which must be of the profile's kind."""
    for each, given in ((DNS, wanted.dns), (MAIL, wanted.email)):
        if given and RULES[kind].names is not each:
            raise InputError(f"profile {kind} has no {each.called}; leave out {each.option}")
    return (*map(dns_name, wanted.dns), *map(mail_address, wanted.email))
