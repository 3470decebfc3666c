"""A chain of certificates that OpenSSL has verified: what was shown, and the path that it found."""

import ctypes
import weakref
from typing import Final, NamedTuple

from mecai.tls.library import X509_V_FLAG_CRL_CHECK, X509_V_FLAG_CRL_CHECK_ALL, X509_V_OK, library
from mecai.tls.pointers import certificate_der

_CRLS: Final = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL


class Measure(NamedTuple):
    """What OpenSSL holds a chain against, as far as `ssl` can change it: of roots, a store can only get more."""

    store: int
    flags: int
    name_flags: int
    level: int
    depth: int
    name: bytes | None
    address: bytes | None

    @property
    def lasts(self) -> bool:
        """Tell whether what it let pass passes again; lists of revoked certificates come and go."""
        return not self.flags & _CRLS


class Verified:
    """What an `X509_STORE_CTX` holds that verified: `shown` is DER, end entity first, `measure` what by.

    The path is free again when nobody has this any more.
    """

    def __init__(self, store: int, shown: tuple[bytes, ...], measure: Measure) -> None:
        """Take a share of the path that was found for what was shown."""
        openssl = library()
        self.shown, self.measure = shown, measure
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


def measure_in(store: int) -> Measure:
    """Return what an `X509_STORE_CTX` is about to verify by."""
    openssl = library()
    held = openssl.X509_STORE_CTX_get0_param(store)
    name = openssl.X509_VERIFY_PARAM_get0_host(held, 0)
    return Measure(
        openssl.X509_STORE_CTX_get0_store(store),
        openssl.X509_VERIFY_PARAM_get_flags(held),
        openssl.X509_VERIFY_PARAM_get_hostflags(held),
        openssl.X509_VERIFY_PARAM_get_auth_level(held),
        openssl.X509_VERIFY_PARAM_get_depth(held),
        name,
        _address_in(held) if name is None else None,  # `ssl` asks for one of them
    )


def _address_in(held: int) -> bytes | None:
    """Return the IP address in text that an `X509_VERIFY_PARAM` asks for."""
    openssl = library()
    address = openssl.X509_VERIFY_PARAM_get1_ip_asc(held)
    try:
        return ctypes.string_at(address) if address else None
    finally:
        openssl.CRYPTO_free(address, None, 0)
