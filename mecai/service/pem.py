"""Keys, certificates and revocation lists as they lie in files: PEM; a private key readable by its own user only (K6).

Every failure is one line that names the file and never holds anything of a key.
"""

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from mecai.errors import HostError, InputError, Malformed
from mecai.protocol.pki import certificates
from mecai.protocol.pki.keys import PrivateKey
from mecai.service.named import read_named

_OTHERS: Final = 0o077
_BEGIN_CRL: Final = b"-----BEGIN X509 CRL-----"


def load_key(path: Path) -> PrivateKey:
    """Read an unencrypted private key, ECDSA or RSA; raises `HostError`, also if others could read it."""
    try:
        mode, pem = path.stat().st_mode, read_named(path)
    except OSError as error:
        raise HostError(f"{path}: private key cannot be read ({error.strerror})") from error
    if mode & _OTHERS:
        raise HostError(f"{path}: private key has mode {mode & 0o777:04o}; expected 0600: chmod 600 {path}")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise HostError(f"{path}: holds no unencrypted PEM private key") from None
    if not isinstance(key, PrivateKey):
        raise HostError(f"{path}: holds neither an elliptic-curve nor an RSA key")
    return key


def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as PEM PKCS #8, not encrypted: for a file of mode 0600 and for nothing else."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a file, in its order, at least one; raises `HostError` or `InputError`."""
    try:
        pem = read_named(path)
    except OSError as error:
        raise HostError(f"{path}: certificate cannot be read ({error.strerror})") from error
    return certificates_in(pem, path)


def certificates_in(pem: bytes, source: Path | str) -> tuple[x509.Certificate, ...]:
    """Read certificates as `load_certificates` does; `source` names in an `InputError` where they came from."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        return tuple(
            certificates.load(each.public_bytes(Encoding.DER), f"certificate {place}")
            for place, each in enumerate(found, start=1)
        )
    except certificates.FAULTS as error:
        raise InputError(f"{source}: {_not_pem(pem)}") from error
    except Malformed as error:
        raise InputError(f"{source}: {error.detail}; have it issued anew") from error


def load_crls(path: Path) -> tuple[x509.CertificateRevocationList, ...]:
    """Read the CRLs of a file, one after the other, at least one; raises `HostError`."""
    try:
        pem = read_named(path)
    except OSError as error:
        raise HostError(f"{path}: revocation list cannot be read ({error.strerror})") from error
    try:
        found = tuple(x509.load_pem_x509_crl(_BEGIN_CRL + each) for each in pem.split(_BEGIN_CRL)[1:])
    except certificates.FAULTS as error:
        raise HostError(f"{path}: holds a revocation list that cannot be read; have the CA publish it anew") from error
    if not found:
        raise HostError(f"{path}: holds no PEM revocation list; of DER, `openssl crl -inform DER -in IN` makes one")
    return found


def _not_pem(octets: bytes) -> str:
    """Say what was found in place of PEM certificates, and what to do."""
    if b"-----BEGIN TRUSTED CERTIFICATE-----" in octets:  # x509(1) of openssl: a certificate with marks of trust
        return "holds a TRUSTED CERTIFICATE; write it anew with `openssl x509 -in IN -out OUT`"
    if octets.startswith(b"\x30"):
        return "holds no PEM but DER, it seems; write it anew with `openssl x509 -inform DER -in IN -out OUT`"
    return "holds no PEM certificate"
