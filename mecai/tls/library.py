"""The functions of OpenSSL that Python's `ssl` uses but does not show.

`ctypes` opens the extension module `_ssl` itself, so what it finds is the very library that `ssl` has loaded, never a
second copy. `PyDLL` keeps the interpreter lock during a call: none of these functions blocks.

Numbers are from OpenSSL's public headers `ssl.h` and `tls1.h`, the same from 1.1.1 to 3.6.
"""

import _ssl
import ctypes
import functools
import sys
from ctypes import POINTER, c_char_p, c_int, c_long, c_size_t, c_uint, c_uint64, c_ulong, c_void_p

SSL_CTRL_SET_SESS_CACHE_MODE = 44
SSL_CTRL_GET_MAX_CERT_LIST = 50
SSL_CTRL_SET_MAX_CERT_LIST = 51
SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB = 63
SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE = 65
SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP = 70
SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP = 71
SSL_CTRL_SET_VERIFY_CERT_STORE = 106
SSL_CTRL_GET_EXTMS_SUPPORT = 122
TLSEXT_STATUSTYPE_OCSP = 1
X509_V_OK = 0
X509_V_FLAG_CRL_CHECK = 0x4
X509_V_FLAG_CRL_CHECK_ALL = 0x8
SSL_TLSEXT_ERR_OK = 0
SSL_TLSEXT_ERR_NOACK = 3

# Whose sessions OpenSSL hands over and keeps (SSL_CTX_set_session_cache_mode(3)).
SSL_SESS_CACHE_CLIENT = 0x0001
SSL_SESS_CACHE_NO_INTERNAL = 0x0300

# Messages that may carry a custom extension (SSL_CTX_add_custom_ext(3)).
SSL_EXT_CLIENT_HELLO = 0x0080
SSL_EXT_TLS1_2_SERVER_HELLO = 0x0100
SSL_EXT_TLS1_3_SERVER_HELLO = 0x0200
SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS = 0x0400
SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST = 0x0800
SSL_EXT_TLS1_3_CERTIFICATE = 0x1000

# int add(SSL *, type, context, const unsigned char **out, size_t *outlen, X509 *, chainidx, int *alert, void *arg)
AddCallback = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_uint, c_uint, POINTER(c_char_p), POINTER(c_size_t), c_void_p, c_size_t, POINTER(c_int), c_void_p
)
# int parse(SSL *, type, context, const unsigned char *in, size_t inlen, X509 *, chainidx, int *alert, void *arg)
ParseCallback = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_uint, c_uint, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_int), c_void_p
)
# int status(SSL *, void *arg)
StatusCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
# int new_session_cb(SSL *, SSL_SESSION *)
SessionCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
# int verify(X509_STORE_CTX *, void *arg)
VerifyCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)

_PROTOTYPES = {
    "SSL_CTX_get_options": (c_uint64, [c_void_p]),
    "SSL_CTX_get_verify_mode": (c_int, [c_void_p]),
    "SSL_CTX_get_cert_store": (c_void_p, [c_void_p]),
    "SSL_CTX_ctrl": (c_long, [c_void_p, c_int, c_long, c_void_p]),
    "SSL_CTX_add_custom_ext": (
        c_int,
        [c_void_p, c_uint, c_uint, AddCallback, c_void_p, c_void_p, ParseCallback, c_void_p],
    ),
    "SSL_set_session": (c_int, [c_void_p, c_void_p]),
    "SSL_CTX_sess_set_new_cb": (None, [c_void_p, SessionCallback]),
    "SSL_SESSION_dup": (c_void_p, [c_void_p]),
    "SSL_SESSION_free": (None, [c_void_p]),
    "SSL_SESSION_is_resumable": (c_int, [c_void_p]),
    "SSL_get_SSL_CTX": (c_void_p, [c_void_p]),
    "SSL_get_certificate": (c_void_p, [c_void_p]),
    "SSL_session_reused": (c_int, [c_void_p]),
    "SSL_CTX_get0_certificate": (c_void_p, [c_void_p]),
    "SSL_CTX_callback_ctrl": (c_long, [c_void_p, c_int, StatusCallback]),
    "SSL_CTX_set_cert_verify_callback": (None, [c_void_p, VerifyCallback, c_void_p]),
    "SSL_get_ex_data_X509_STORE_CTX_idx": (c_int, []),
    "X509_STORE_CTX_get_ex_data": (c_void_p, [c_void_p, c_int]),
    "X509_STORE_CTX_get0_untrusted": (c_void_p, [c_void_p]),
    "X509_STORE_CTX_get0_store": (c_void_p, [c_void_p]),
    "X509_STORE_CTX_get0_param": (c_void_p, [c_void_p]),
    "X509_STORE_CTX_get1_chain": (c_void_p, [c_void_p]),
    "X509_STORE_CTX_set0_verified_chain": (None, [c_void_p, c_void_p]),
    "X509_STORE_CTX_set_error": (None, [c_void_p, c_int]),
    "X509_VERIFY_PARAM_get_flags": (c_ulong, [c_void_p]),
    "X509_VERIFY_PARAM_get_hostflags": (c_uint, [c_void_p]),
    "X509_VERIFY_PARAM_get_auth_level": (c_int, [c_void_p]),
    "X509_VERIFY_PARAM_get_depth": (c_int, [c_void_p]),
    "X509_VERIFY_PARAM_get0_host": (c_char_p, [c_void_p, c_int]),
    "X509_VERIFY_PARAM_get1_ip_asc": (c_void_p, [c_void_p]),
    "X509_chain_up_ref": (c_void_p, [c_void_p]),
    "X509_free": (None, [c_void_p]),
    "OPENSSL_sk_num": (c_int, [c_void_p]),
    "OPENSSL_sk_value": (c_void_p, [c_void_p, c_int]),
    "OPENSSL_sk_pop_free": (None, [c_void_p, c_void_p]),
    "CRYPTO_malloc": (c_void_p, [c_size_t, c_char_p, c_int]),
    "CRYPTO_free": (None, [c_void_p, c_char_p, c_int]),
    "i2d_X509": (c_int, [c_void_p, c_void_p]),
    "SSL_ctrl": (c_long, [c_void_p, c_int, c_long, c_void_p]),
}


class UnsupportedRuntimeError(RuntimeError):
    """This Python hides its OpenSSL, or lays its objects out in a way that is not known."""


@functools.cache
def library() -> ctypes.PyDLL:
    """Return the loaded OpenSSL with its prototypes set; raises `UnsupportedRuntimeError`."""
    if sys.implementation.name != "cpython":
        raise UnsupportedRuntimeError(f"Python is {sys.implementation.name}, expected CPython 3.11 to 3.13")
    try:
        loaded = ctypes.PyDLL(_ssl.__file__)
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError) as error:
        raise UnsupportedRuntimeError(
            f"{sys.executable} keeps its OpenSSL out of reach ({error}), expected a CPython linked with the system's"
            " libssl; use the distribution's python3"
        ) from error
    return loaded
