"""One certificate of the TLS server, as its files show it now."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import certificate_hash, sha256
from mecai.protocol.pki.names import dns_names
from mecai.protocol.pki.path import validate_chain
from mecai.service.pem import certificates_in
from mecai.service.regular import read_if_there
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.privacy import Privacy


@dataclass(frozen=True)
class Site:
    """`presented` is what the server shows, end entity first; `path` what a client makes of it, root included."""

    entry: CertificateEntry
    presented: tuple[x509.Certificate, ...]
    path: tuple[x509.Certificate, ...]
    succession: bytes | None = None  # what the predecessor's key says of this certificate (docs/spec H6)

    @cached_property
    def chain(self) -> tuple[bytes, ...]:
        """What the server shows, in DER."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self.presented)

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the end entity: its name in the store."""
        return certificate_hash(self.chain[0])

    @cached_property
    def chain_hash(self) -> bytes:
        """SHA-256 of everything that the server shows."""
        return sha256(b"".join(self.chain))

    @property
    def name(self) -> str:
        """What a person calls it: the server name, the first name of the certificate, or its subject."""
        return self.entry.server_name or next(iter(dns_names(self.path[0])), self.path[0].subject.rfc4514_string())

    @property
    def valid_until(self) -> datetime:
        """When the first certificate of the path ends."""
        return min(certificate.not_valid_after_utc for certificate in self.path)


def load_site(entry: CertificateEntry, pem: bytes, directory: Directory, privacy: Privacy, now: datetime) -> Site:
    """Make a site of what is in the file of its chain.

    Raises `InputError`, also for what is private, `VerificationError` if no root is reached.
    """
    presented = certificates_in(pem, entry.chain)
    privacy.check(entry, presented[0])
    path = validate_chain(presented[0], presented[1:], directory.anchors, None, now)
    return Site(entry, presented, tuple(path), succession(entry) or None)


def succession(entry: CertificateEntry) -> bytes:
    """Return the statement that is there for a certificate, nothing where there is none."""
    return read_if_there(entry.succession, LIMITS.voucher_size) if entry.succession else b""
