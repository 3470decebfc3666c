"""A VA that signs vouchers and expedite statements, and nothing else (docs/spec K4); who has its key is told to it."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from mecai.errors import HostError, VerificationError
from mecai.protocol import oids
from mecai.protocol.codec.cms import enveloped
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.objects.voucher import enveloped_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.direct import validate_authority
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.service.pem import load_certificates
from mecai.vas.config import VasConfig
from mecai.vas.signing.connection import Connection
from mecai.vas.signing.credential import load_credential
from mecai.vas.signing.wire import Purpose, Signing


class VoucherSigner:
    """A VA: its certificate, the root that issued it, the id that follows from the root, and who has its key."""

    def __init__(self, signing: Signing, certificate: x509.Certificate, root: x509.Certificate) -> None:
        self._signing = signing
        self.certificate = certificate
        self.root = root
        self.authority = authority_id(spki_der(root))

    def sign(self, info: VoucherInfo, ocsp_responses: tuple[bytes, ...]) -> bytes:
        """Return the DER voucher; `ocsp_responses` are those the evidence names and the VA's own.

        Raises `HostError` where nobody signs, `Malformed` for a voucher so large that nobody would accept it.
        """
        content = info.encode()
        signature = self._signing.sign(Purpose.VOUCHER, content)
        return enveloped_voucher(content, signature, self.certificate, ocsp_responses)

    def speak_for(self, statement: ExpediteStatement) -> bytes:
        """Return a signed statement that a certificate need not wait with another VA (H8); raises `HostError`."""
        content = statement.encode()
        signature = self._signing.sign(Purpose.EXPEDITE, content)
        return enveloped(oids.ID_CT_EXPEDITE_STATEMENT, content, signature, self.certificate)

    def require_valid(self, now: datetime) -> None:
        """Hold the certificate against docs/spec K1 and K2, as every client will; raises `HostError`."""
        try:
            validate_authority(self.certificate, [self.root], now)
        except VerificationError as error:
            raise HostError(f"the VA's certificate is of no use: {error.detail}; let the CA issue another") from error

    def require_ready(self, now: datetime) -> None:
        """Raise `HostError` unless clients would take the certificate, and whoever has its key would sign now."""
        self.require_valid(now)
        self._signing.require_ready()


def load_signer(key_path: Path, certificate_path: Path, root_path: Path) -> VoucherSigner:
    """Read key, certificate and root from files; raises `HostError` or `InputError` with one line."""
    credential = load_credential(key_path, certificate_path)
    return VoucherSigner(credential, credential.certificate, load_certificates(root_path)[0])


def configured_signer(config: VasConfig) -> VoucherSigner:
    """Return the VA of a configuration: by its key file, or by its signer, which is not asked yet.

    Raises `HostError` or `InputError` with one line.
    """
    if config.key is not None:
        return load_signer(config.key, config.certificate, config.root)
    if config.signer is None:
        raise HostError("neither key nor signer is configured")
    certificate = load_certificates(config.certificate)[0]
    return VoucherSigner(Connection(config.signer.socket, certificate), certificate, load_certificates(config.root)[0])
