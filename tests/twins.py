"""Certificates that anybody can make of one, by asn1crypto: the issuer's words under its signature in other octets."""

from asn1crypto.algos import DSASignature
from asn1crypto.core import OctetBitString
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pki import Issued


def twin(of: Issued) -> Issued:
    """Return a certificate under (r, n - s) instead of (r, s)."""
    assert of.issuer is not None
    assert isinstance(of.issuer.key, ec.EllipticCurvePrivateKey)
    changed = Certificate.load(of.der)
    signature = DSASignature.load(changed["signature_value"].native)
    order = of.issuer.key.curve.group_order
    signature["s"] = order - signature["s"].native
    changed["signature_value"] = OctetBitString(signature.dump(force=True))
    made = x509.load_der_x509_certificate(changed.dump(force=True))
    assert made.tbs_certificate_bytes == of.certificate.tbs_certificate_bytes
    return Issued(made, of.key, of.issuer)
