"""Private keys and signing requests: how they are made, and which ones an authority accepts.

A key is ECDSA on P-256 or P-384, or RSA of 2048 bits or more (docs/spec, K3). No message of this module holds anything
of a private key.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mecai.errors import InputError, Malformed
from mecai.protocol.pki.certificates import FAULTS
from mecai.protocol.pki.keys import PrivateKey, PublicKey, check_cost, check_public_key
from mecai.protocol.pki.names import host_name

_LEAST_EXPONENT: Final = 65537  # CA/Browser Forum Baseline Requirements, section 6.1.6


def make_key() -> ec.EllipticCurvePrivateKey:
    """Make a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def accept_key(key: object) -> PublicKey:
    """Return a public key that version 1 allows; raises `InputError` naming what is wrong with any other."""
    try:
        check_cost(key)
        accepted = check_public_key(key)
    except Malformed as error:
        raise InputError(f"signing request: {error.detail}") from error
    if isinstance(accepted, rsa.RSAPublicKey) and accepted.public_numbers().e < _LEAST_EXPONENT:
        raise InputError(f"signing request: RSA exponent {accepted.public_numbers().e} is below {_LEAST_EXPONENT}")
    return accepted


def make_request(key: PrivateKey, common_name: str, names: Sequence[str]) -> x509.CertificateSigningRequest:
    """Make a signing request (RFC 2986) for DNS names; raises `InputError` for a name that cannot be certified."""
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError as error:
        raise InputError(f"name {common_name!r} is no common name: expected 1 to 64 characters") from error
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(dns_name(name)) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key, hashes.SHA256())


def load_request(pem: bytes) -> x509.CertificateSigningRequest:
    """Read a signing request whose signature proves its key, a key that is accepted; raises `InputError`."""
    try:
        request = x509.load_pem_x509_csr(pem)
        accept_key(request.public_key())
        _ = request.subject, request.extensions  # the library reads them only now: whoever has a request may use it
        proved = request.is_signature_valid
    except x509.UnsupportedGeneralNameType as error:
        raise InputError(f"signing request: cannot be certified ({error}); expected DNS names only") from error
    except FAULTS as error:
        raise InputError(f"signing request: no PEM certificate signing request ({error})") from error
    if not proved:
        raise InputError("signing request: its signature does not verify; make it anew with the key it names")
    return request


def request_names(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    """Return the DNS names that a signing request asks for; raises `InputError` if it asks for other kinds."""
    try:
        alternative = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    for name in alternative:
        if not isinstance(name, x509.DNSName):
            raise InputError(f"signing request: a {type(name).__name__} cannot be certified; expected DNS names only")
    return tuple(dns_name(name) for name in alternative.get_values_for_type(x509.DNSName))


def dns_name(text: str) -> str:
    """Return a host name that can be certified, perhaps with a leading `*.`; raises `InputError` otherwise."""
    try:
        name = host_name(text.removeprefix("*."))
    except InputError as error:
        expected = "expected a host name of letters, digits and hyphens such as www.example.test, no IP address"
        raise InputError(f"{text!r} cannot be certified; {expected}") from error
    if "." not in name:
        raise InputError(f"{text!r} has one label only; expected a full host name such as www.example.test")
    return f"*.{name}" if text.startswith("*.") else name
