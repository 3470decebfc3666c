"""The probe: one full TLS handshake with one address, and the chain that was seen (docs/spec P1, P2).

A completed handshake proves possession of the key of the certificate shown: OpenSSL checks the server's signature over
the handshake whatever `set_verify` says. Whether the chain is trusted is not asked here; it was settled before. No
application data is sent, no name is resolved, and what the server says beyond its certificates is dropped.

Values go in and values come out, so that an agent in another network can make the same handshake for somebody else.

pyOpenSSL has no call for the client's signature algorithms, so `_context` takes the one that lies below it.
"""

import socket
from contextlib import suppress
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from OpenSSL import SSL, crypto

from mecai.errors import HostError
from mecai.net.cut_off import cut_off
from mecai.net.dial import Unreachable, connect
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.service.printable import words

HANDSHAKE_SECONDS: Final = 5.0


class KeyType(StrEnum):
    """The key of a server's certificate, as far as it decides what the probe offers."""

    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    ED25519 = "ed25519"
    RSA = "rsa"
    RSA_PSS = "rsa-pss"


# SignatureScheme names of RFC 8446 section 4.2.3, and OpenSSL's names of the TLS 1.2 suites (ciphers(1)).
_SCHEMES: Final = {
    KeyType.P256: "ecdsa_secp256r1_sha256",
    KeyType.P384: "ecdsa_secp384r1_sha384",
    KeyType.P521: "ecdsa_secp521r1_sha512",
    KeyType.ED25519: "ed25519",
    KeyType.RSA: (
        "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"
    ),
    KeyType.RSA_PSS: "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
}
_ECDSA_SUITES: Final = "ECDHE+aECDSA"  # for EdDSA too (RFC 8422 section 5.1.3)
_RSA_SUITES: Final = "ECDHE+aRSA:DHE+aRSA"
_CURVES: Final = {"secp256r1": KeyType.P256, "secp384r1": KeyType.P384, "secp521r1": KeyType.P521}


class HandshakeFailed(HostError):
    """Somebody answered at the address, but not with the whole handshake."""


ProbeError = Unreachable | HandshakeFailed


def key_type(certificate: x509.Certificate) -> KeyType:
    """Return the type of a certificate's key; raises `HandshakeFailed` for one that no TLS server can use."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeyType.ED25519
    if isinstance(key, rsa.RSAPublicKey):
        pss = certificate.public_key_algorithm_oid == x509.oid.PublicKeyAlgorithmOID.RSASSA_PSS
        return KeyType.RSA_PSS if pss else KeyType.RSA
    raise HandshakeFailed(f"certificate: no TLS server can use its key ({type(key).__name__})")


def probe(
    address: bytes, port: int, server_name: str | None, key_type: KeyType, deadline: Deadline
) -> tuple[bytes, ...]:
    """Shake hands once and return the chain as sent, end entity first, each certificate in DER.

    `address` is 4 or 16 octets; what is offered, only a key of `key_type` can serve. Raises `Unreachable` or
    `HandshakeFailed`.
    """
    deadline = deadline.within(HANDSHAKE_SECONDS)
    connection = SSL.Connection(_context(key_type), _connect(address, port, deadline))
    try:
        with cut_off(connection, deadline):
            return _shake_hands(connection, server_name)
    except (SSL.Error, OSError, ValueError) as error:
        detail = f"{address_text(address)} port {port}: {_words(error)}; expected a complete TLS 1.2 or 1.3 handshake"
        raise HandshakeFailed(detail) from error
    finally:
        connection.close()


def _shake_hands(connection: SSL.Connection, server_name: str | None) -> tuple[bytes, ...]:
    connection.set_connect_state()
    if server_name is not None:
        connection.set_tlsext_host_name(server_name.encode("ascii"))
    connection.do_handshake()
    chain = connection.get_peer_cert_chain() or []
    with suppress(SSL.Error):
        connection.shutdown()
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain)


def _connect(address: bytes, port: int, deadline: Deadline) -> socket.socket:
    try:
        return connect(address, port, deadline)
    except OSError as error:
        raise Unreachable(f"{address_text(address)} port {port}: {words(error)}") from error


def _context(key_type: KeyType) -> SSL.Context:
    """Make a client context that offers what a key of this type can serve, and nothing else (P2)."""
    suites = _RSA_SUITES if key_type in {KeyType.RSA, KeyType.RSA_PSS} else _ECDSA_SUITES
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(suites.encode("ascii"))
    native = context._context  # noqa: SLF001 - pyOpenSSL has no set1_sigalgs_list of its own
    if Binding.lib.SSL_CTX_set1_sigalgs_list(native, _SCHEMES[key_type].encode("ascii")) != 1:
        raise RuntimeError(f"OpenSSL refuses the signature algorithms of {key_type}")
    return context


def _words(error: Exception) -> str:
    """Say what went wrong in a few words; OpenSSL's own are a list of triples (library, function, reason)."""
    if isinstance(error, SSL.SysCallError):
        return "the connection broke"
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return "; ".join(reason for _, _, reason in error.args[0])
    return words(error)
