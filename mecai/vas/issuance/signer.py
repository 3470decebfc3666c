"""The VA's key (docs/spec K4): it signs VoucherInfo and nothing else, and leaves this object in no form."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from mecai.errors import HostError, VerificationError
from mecai.protocol.objects.voucher import sign_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.direct import validate_authority
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.protocol.pki.keys import PrivateKey
from mecai.service.pem import load_certificates, load_key


class VoucherSigner:
    """A VA: its certificate, the root that issued it, the id that follows from the root, and its key."""

    def __init__(self, key: PrivateKey, certificate: x509.Certificate, root: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate
        self.root = root
        self.authority = authority_id(spki_der(root))

    def sign(self, info: VoucherInfo, ocsp_responses: tuple[bytes, ...]) -> bytes:
        """Return the DER voucher; `ocsp_responses` are those the evidence names and the VA's own."""
        return sign_voucher(info, self._key, self.certificate, ocsp_responses)

    def require_valid(self, now: datetime) -> None:
        """Hold the certificate against docs/spec K1 and K2, as every client will; raises `HostError`."""
        try:
            validate_authority(self.certificate, [self.root], now)
        except VerificationError as error:
            raise HostError(f"the VA's certificate is of no use: {error.detail}; let the CA issue another") from error


def load_signer(key_path: Path, certificate_path: Path, root_path: Path) -> VoucherSigner:
    """Read key, certificate and root from files; raises `HostError` or `InputError` with one line."""
    key = load_key(key_path)
    certificate = load_certificates(certificate_path)[0]
    if certificate.public_key() != key.public_key():
        raise HostError(f"{certificate_path}: is not of the key in {key_path}; let the CA issue one for this key")
    return VoucherSigner(key, certificate, load_certificates(root_path)[0])
