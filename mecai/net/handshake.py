"""The TLS handshake of a client, within a deadline."""

import socket
import ssl

from mecai.net.cut_off import cut_off
from mecai.service.deadline import Deadline


def shake_hands(plain: socket.socket, context: ssl.SSLContext, host: str, deadline: Deadline) -> ssl.SSLSocket:
    """Return a connection to `host`, the name or address that the certificate must bear.

    It takes the place of `plain`, which is closed if the handshake fails. Raises `OSError` (`ssl.SSLError`,
    `TimeoutError`), or what a context of another kind raises.
    """
    with plain:
        secure = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        with cut_off(secure, deadline):
            secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure
