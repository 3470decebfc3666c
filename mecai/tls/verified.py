"""A chain of certificates that OpenSSL has verified: what was shown, and the path that it found."""

import ctypes
import weakref

from mecai.tls.library import X509_V_OK, library
from mecai.tls.pointers import certificate_der


class Verified:
    """What an `X509_STORE_CTX` holds that verified: `shown` is DER, end entity first.

    The path is free again when nobody has this any more.
    """

    def __init__(self, store: int, shown: tuple[bytes, ...]) -> None:
        """Take a share of the path that was found for what was shown."""
        openssl = library()
        self.shown = shown
        self._path = openssl.X509_STORE_CTX_get1_chain(store)
        release = ctypes.cast(openssl.X509_free, ctypes.c_void_p)
        weakref.finalize(self, openssl.OPENSSL_sk_pop_free, self._path, release).atexit = False

    def settle(self, store: int) -> None:
        """Give the path to another one, which holds the same, as if it had been found for that."""
        openssl = library()
        openssl.X509_STORE_CTX_set0_verified_chain(store, openssl.X509_chain_up_ref(self._path))
        openssl.X509_STORE_CTX_set_error(store, X509_V_OK)


def shown_in(store: int) -> tuple[bytes, ...]:
    """Return the certificates that a peer has shown, in DER, end entity first."""
    openssl = library()
    shown = openssl.X509_STORE_CTX_get0_untrusted(store)
    places = range(openssl.OPENSSL_sk_num(shown))
    return tuple([certificate_der(openssl.OPENSSL_sk_value(shown, place)) for place in places])
