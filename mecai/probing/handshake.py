"""The probe: one full TLS handshake with one address, and the chain that was seen (docs/spec P1, P2).

A completed handshake proves possession of the key of the certificate shown: OpenSSL checks the server's signature over
the handshake whatever `set_verify` says. Whether the chain is trusted is not asked here; it was settled before. No
application data is sent, no name is resolved, and what the server says beyond its certificates is dropped.

pyOpenSSL has no call for the client's signature algorithms, so `_context` takes the one that lies below it.
"""

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.vas.problem import Code, Problem

HANDSHAKE_SECONDS: Final = 5.0

# SignatureScheme names of RFC 8446 section 4.2.3, and OpenSSL's names of the TLS 1.2 suites (ciphers(1)).
_CURVES: Final = {
    "secp256r1": "ecdsa_secp256r1_sha256",
    "secp384r1": "ecdsa_secp384r1_sha384",
    "secp521r1": "ecdsa_secp521r1_sha512",
}
_RSA: Final = (
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"
)
_RSA_PSS: Final = "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512"
_ECDSA_SUITES: Final = "ECDHE+aECDSA"
_RSA_SUITES: Final = "ECDHE+aRSA:DHE+aRSA"


def probe(
    address: bytes, port: int, server_name: str | None, wanted: x509.Certificate, deadline: Deadline
) -> tuple[bytes, ...]:
    """Shake hands once and return the chain as sent, end entity first, each certificate in DER.

    `address` is 4 or 16 octets; only the key type of `wanted` is offered. Raises `Problem`: `unreachable`,
    `handshake-failed`.
    """
    deadline = deadline.within(HANDSHAKE_SECONDS)
    connection = SSL.Connection(_context(wanted), _connect(address, port, deadline))
    try:
        connection.set_connect_state()
        if server_name is not None:
            connection.set_tlsext_host_name(server_name.encode("ascii"))
        _drive(connection.do_handshake, connection, deadline)
        chain = connection.get_peer_cert_chain(as_cryptography=True) or []
        with suppress(SSL.Error):
            connection.shutdown()
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    except (SSL.Error, OSError, ValueError, x509.InvalidVersion) as error:  # the last: of a certificate, no ValueError
        detail = f"{address_text(address)} port {port}: {_words(error)}; expected a complete TLS 1.2 or 1.3 handshake"
        raise Problem(Code.HANDSHAKE_FAILED, detail) from error
    finally:
        connection.close()


def _connect(address: bytes, port: int, deadline: Deadline) -> socket.socket:
    """Open a TCP connection, non-blocking afterwards."""
    try:
        connected = socket.create_connection((address_text(address), port), timeout=deadline.require())
    except OSError as error:
        raise Problem(Code.UNREACHABLE, f"{address_text(address)} port {port}: {_words(error)}") from error
    connected.setblocking(False)
    return connected


def _drive(step: Callable[[], None], connection: SSL.Connection, deadline: Deadline) -> None:
    """Repeat a non-blocking `step` of OpenSSL until it is done; raises `TimeoutError` at the deadline."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while True:
        try:
            return step()
        except SSL.WantReadError:
            poll.modify(connection, select.POLLIN)
        except SSL.WantWriteError:
            poll.modify(connection, select.POLLOUT)
        poll.poll(deadline.require() * 1000)


def _context(wanted: x509.Certificate) -> SSL.Context:
    """Make a client context that offers what the key of `wanted` can serve, and nothing else (P2)."""
    schemes, suites = _offer(wanted)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(suites.encode("ascii"))
    native = context._context  # noqa: SLF001 - pyOpenSSL has no set1_sigalgs_list of its own
    if Binding.lib.SSL_CTX_set1_sigalgs_list(native, schemes.encode("ascii")) != 1:
        raise RuntimeError(f"OpenSSL refuses the signature algorithms {schemes}")
    return context


def _offer(wanted: x509.Certificate) -> tuple[str, str]:
    """Return signature schemes and TLS 1.2 cipher suites that the key of `wanted` can serve."""
    key = wanted.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name], _ECDSA_SUITES
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", _ECDSA_SUITES
    if isinstance(key, rsa.RSAPublicKey):
        pss = wanted.public_key_algorithm_oid == x509.oid.PublicKeyAlgorithmOID.RSASSA_PSS
        return (_RSA_PSS if pss else _RSA), _RSA_SUITES
    raise Problem(Code.HANDSHAKE_FAILED, f"certificate: no TLS server can use its key ({type(key).__name__})")


def _words(error: Exception) -> str:
    """Say what went wrong in a few words; OpenSSL's own are a list of triples (library, function, reason)."""
    if isinstance(error, SSL.SysCallError):
        return "the connection broke"
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return "; ".join(reason for _, _, reason in error.args[0])
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
