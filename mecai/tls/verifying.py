"""What OpenSSL need not verify again: a chain of certificates that a connection says it has verified before.

OpenSSL makes a path of what a server shows in each handshake, with a signature for each certificate: a quarter of a
client's processor time. It asks here instead (SSL_CTX_set_cert_verify_callback(3)). Whoever runs a handshake may have
given its exchange a chain as `known` that OpenSSL has verified before: where the server shows these very octets, and
name, roots and settings are those of then, so is the path. That the server has the key, it proves in each handshake.
Every other chain is verified as ever.
"""

import _ssl
import ctypes
import functools
import ssl
from typing import Final

from mecai.tls.extensions import exchange_of
from mecai.tls.library import VerifyCallback, library
from mecai.tls.pointers import context_pointer
from mecai.tls.verified import Verified, measure_in, shown_in

_VERIFIED: Final = 1


def install_verified(context: ssl.SSLContext) -> None:
    """Have connections of `context` take what their exchanges have as `known`; raises `UnsupportedRuntimeError`."""
    library().SSL_CTX_set_cert_verify_callback(context_pointer(context), _VERIFY, None)


def _verify(store: int, _argument: int | None) -> int:
    """Verify a chain, unless that was done; whatever goes wrong in here, it is not verified."""
    openssl, shown, measure = library(), shown_in(store), measure_in(store)
    if exchange := exchange_of(openssl.X509_STORE_CTX_get_ex_data(store, _place())):
        exchange.verified = None
        if (known := exchange.known) and (known.shown, known.measure) == (shown, measure):
            known.settle(store)
            exchange.verified = known
            return _VERIFIED
    found: int = _waiting().X509_verify_cert(store)
    if exchange and found == _VERIFIED and measure.lasts:
        exchange.verified = Verified(store, shown, measure)
    return max(found, 0)  # an error below it verifies nothing


@functools.cache
def _place() -> int:
    """Return where an `X509_STORE_CTX` has its `SSL *`."""
    place: int = library().SSL_get_ex_data_X509_STORE_CTX_idx()
    return place


@functools.cache
def _waiting() -> ctypes.CDLL:
    """Return OpenSSL for what takes long: other threads go on meanwhile."""
    loaded = ctypes.CDLL(_ssl.__file__)
    loaded.X509_verify_cert.restype, loaded.X509_verify_cert.argtypes = ctypes.c_int, [ctypes.c_void_p]
    return loaded


# What C holds: referenced here for as long as the process lives.
_VERIFY: Final = VerifyCallback(_verify)
