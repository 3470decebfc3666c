"""One session of a TLS client, that a later connection can go on with."""

import weakref

from mecai.tls.library import library
from mecai.tls.pointers import Connection, connection_pointer


class Session:
    """One `SSL_SESSION` of its own, which is free again when nobody has this any more.

    A copy (SSL_SESSION_dup(3)): OpenSSL gives up that of a connection which ends without a word, as most do.
    """

    def __init__(self, pointer: int) -> None:
        """Copy what is there."""
        self._pointer = library().SSL_SESSION_dup(pointer)
        weakref.finalize(self, library().SSL_SESSION_free, self._pointer).atexit = False

    def resume(self, connection: Connection) -> bool:
        """Let `connection`, whose handshake has not begun, offer to go on with it; tell whether it can."""
        openssl, used = library(), Session(self._pointer)
        return bool(
            used._pointer
            and openssl.SSL_SESSION_is_resumable(used._pointer)
            and openssl.SSL_set_session(connection_pointer(connection), used._pointer)
        )
