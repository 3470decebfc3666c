"""What OpenSSL need not verify again: a chain of certificates that a connection says it has verified before.

OpenSSL makes a path of what a server shows in each handshake, with a signature for each certificate: a quarter of a
client's processor time. It asks here instead (SSL_CTX_set_cert_verify_callback(3)). Whoever runs a handshake may have
given its exchange a chain as `known` that OpenSSL has verified before, in the same context: where the server shows
these very octets, the path is the one of then. That the server has the key, it proves in each handshake. Every other
chain is verified as ever.
"""

import _ssl
import ctypes
import functools
import ssl
from typing import Final

from mecai.tls.extensions import exchange_of
from mecai.tls.library import VerifyCallback, library
from mecai.tls.pointers import context_pointer
from mecai.tls.verified import Verified, shown_in

_VERIFIED: Final = 1
# What OpenSSL holds a chain against besides the roots, of which a context can only get more. As the numbers that they
# are: the enumerations of `ssl` cost more than the look.
_SETTINGS: Final = tuple(
    getattr(_ssl._SSLContext, name).__get__  # noqa: SLF001 - the class below ssl.SSLContext
    for name in ("verify_flags", "verify_mode", "check_hostname", "_host_flags", "security_level")
)
_CRLS: Final = int(ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN)


def install_verified(context: ssl.SSLContext) -> None:
    """Have connections of `context` take what their exchanges have as `known`; raises `UnsupportedRuntimeError`."""
    library().SSL_CTX_set_cert_verify_callback(context_pointer(context), _VERIFY, None)


def settings_of(context: ssl.SSLContext) -> tuple[int, ...] | None:
    """Return what else OpenSSL holds a chain against, as far as `ssl` can change it; None where CRLs count, too."""
    settings = tuple(read(context) for read in _SETTINGS)
    return None if settings[0] & _CRLS else settings


def _verify(store: int, _argument: int | None) -> int:
    """Verify a chain, unless that was done; whatever goes wrong in here, it is not verified."""
    openssl, shown = library(), shown_in(store)
    if exchange := exchange_of(openssl.X509_STORE_CTX_get_ex_data(store, _place())):
        exchange.verified = None
        if (known := exchange.known) and known.shown == shown:
            known.settle(store)
            exchange.verified = known
            return _VERIFIED
    found: int = _waiting().X509_verify_cert(store)
    if exchange and found == _VERIFIED:
        exchange.verified = Verified(store, shown)
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
