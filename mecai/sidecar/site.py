"""One certificate of the TLS server, as its files show it now, and the tasks that it makes necessary."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import certificate_hash, sha256
from mecai.protocol.pki.path import validate_chain
from mecai.service.pem import load_certificates
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.store import StapleKey


@dataclass(frozen=True)
class Site:
    """`presented` is what the server shows, end entity first; `path` what a client makes of it, root included."""

    entry: CertificateEntry
    presented: tuple[x509.Certificate, ...]
    path: tuple[x509.Certificate, ...]

    @cached_property
    def chain(self) -> tuple[bytes, ...]:
        """What the server shows, in DER."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self.presented)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the end entity: its name in the store."""
        return certificate_hash(self.chain[0])

    @property
    def name(self) -> str:
        """What a person calls it: the server name, the first name of the certificate, or its subject."""
        return self.entry.server_name or next(iter(_dns_names(self.path[0])), self.path[0].subject.rfc4514_string())

    def tasks(self, directory: Directory) -> tuple["FetchTask", ...]:
        """Return what is to be fetched: the staple, and a voucher of each authority that has a server.

        Owners of a CA of this chain are not asked: nobody may vouch for his own house (rule V6). Raises `Malformed` if
        the chain is too long for a request.
        """
        owners = directory.owner_groups_of(self.presented, self.path)
        asked = [each for each in directory.authorities if each.servers and each.owner_group not in owners]
        request = VoucherRequest(
            self.chain[0], self.chain[1:], self.entry.octets, self.entry.port, self.entry.server_name
        ).encode()
        return (FetchTask(self), *(FetchTask(self, authority, request) for authority in asked))


@dataclass(frozen=True)
class FetchTask:
    """One thing to fetch for a site: the voucher of `authority` by the DER `request`, or the OCSP staple (None)."""

    site: Site
    authority: Authority | None = None
    request: bytes = b""

    @property
    def key(self) -> StapleKey:
        """Where it is to lie."""
        return StapleKey(self.site.hash, self.authority.authority if self.authority else None)

    @property
    def identifier(self) -> str:
        """Its name in the schedule; another request (another address, say) is another task."""
        return f"{self.key}#{sha256(self.request).hex()[:16]}"


def load_site(entry: CertificateEntry, directory: Directory, now: datetime) -> Site:
    """Read the chain of a server; raises `HostError`, `InputError`, or `VerificationError` if no root is reached."""
    certificates = load_certificates(entry.chain)
    path = validate_chain(certificates[0], certificates[1:], directory.roots, None, now)
    return Site(entry, certificates, tuple(path))


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)
