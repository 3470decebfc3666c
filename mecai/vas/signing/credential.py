"""The VA's key with its certificate: who has both signs, in whatever process that is."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from mecai.errors import HostError
from mecai.protocol.codec.cms import signature_of
from mecai.protocol.pki.keys import PrivateKey
from mecai.service.pem import load_certificates, load_key
from mecai.vas.signing.wire import CONTENT_TYPES, Purpose


@dataclass(frozen=True)
class Credential:
    """A key, which leaves this object in no form, and its certificate."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate

    def sign(self, purpose: Purpose, content: bytes) -> bytes:
        """Return the signature over the DER content of a kind, as `mecai.protocol.codec.cms.enveloped` takes it."""
        return signature_of(CONTENT_TYPES[purpose], content, self.key, self.certificate)

    def require_ready(self) -> None:
        """Do nothing: the key is here."""


def load_credential(key_path: Path, certificate_path: Path) -> Credential:
    """Read both from files; raises `HostError` or `InputError` with one line."""
    key, certificate = load_key(key_path), load_certificates(certificate_path)[0]
    if certificate.public_key() != key.public_key():
        raise HostError(f"{certificate_path}: is not of the key in {key_path}; let the CA issue one for this key")
    return Credential(key, certificate)
