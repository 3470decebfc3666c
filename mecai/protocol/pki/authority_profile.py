"""What a Voucher Authority's certificate must be (rules K2 and K3), whoever issued it and whenever."""

from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from mecai.protocol.limits import LIMITS
from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING
from mecai.protocol.pki.certificates import Kind, extension_of, is_ca
from mecai.protocol.pki.keys import check_public_key, public_key_of

_VOUCHER_SIGNING: Final = x509.ObjectIdentifier(ID_KP_VOUCHER_SIGNING)


@lru_cache(LIMITS.remembered_certificates)
def check_authority_profile(certificate: x509.Certificate) -> None:
    """Hold a Voucher Authority's certificate against rules K2 and K3, of which none depends on time or issuer.

    Raises `ValueError` or `Malformed`.
    """
    check_public_key(public_key_of(certificate))
    if list(_required(certificate, x509.ExtendedKeyUsage)) != [_VOUCHER_SIGNING]:
        raise ValueError("extended key usage is not id-kp-voucherSigning alone")
    key_usage = _required(certificate, x509.KeyUsage)
    if not key_usage.digital_signature or key_usage.key_cert_sign or key_usage.crl_sign:
        raise ValueError("key usage must be digitalSignature and no CA's")
    if is_ca(certificate):
        raise ValueError("it is a CA certificate")
    _required(certificate, x509.SubjectAlternativeName)
    access = _required(certificate, x509.AuthorityInformationAccess)
    if all(entry.access_method != AuthorityInformationAccessOID.OCSP for entry in access):
        raise ValueError("no OCSP URL")
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime > LIMITS.authority_certificate_lifetime:
        raise ValueError(
            f"lifetime of {lifetime.days} days, at most {LIMITS.authority_certificate_lifetime.days} allowed"
        )


def _required(certificate: x509.Certificate, kind: type[Kind]) -> Kind:
    if (found := extension_of(certificate, kind)) is None:
        raise ValueError(f"it has no {kind.__name__}")
    return found.value
