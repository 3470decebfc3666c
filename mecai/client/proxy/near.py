"""The browser's end of a tunnel: its TLS ends here, and so does the whole tunnel where the site was refused."""

import asyncio
import logging
import socket
import ssl
from typing import Final

from mecai.client.proxy.head import LIMIT, Declined, plain_answer, read_head
from mecai.client.proxy.tunnel import close
from mecai.client.visit import Streams

LOG: Final = logging.getLogger(__name__)
SECONDS: Final = 10.0  # for the browser's handshake
# Alerts of OpenSSL and NSS, and of Chromium, to a certificate of somebody unknown (RFC 8446, section 6.2).
_DISTRUST: Final = ("ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_BAD_CERTIFICATE")


async def end_tls(plain: socket.socket, context: ssl.SSLContext) -> Streams:
    """Shake hands as the server; raises `OSError`. The descriptor of `plain` is the streams' own from now on."""
    loop, plain = asyncio.get_running_loop(), socket.socket(fileno=plain.detach())
    reader = asyncio.StreamReader(limit=LIMIT, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, plain, ssl=context, ssl_handshake_timeout=SECONDS
        )
    except ssl.SSLError as error:
        if (error.reason or "").endswith(_DISTRUST):
            LOG.warning("a browser does not trust this proxy's authority, and says %s", error.reason)
        raise
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def show(near: Streams, octets: bytes) -> None:
    """Answer the first request with `octets`, whatever it asks for, and close."""
    try:
        await read_head(near[0])
    except Declined as declined:
        near[1].write(plain_answer(declined))
    except EOFError:  # a connection that the browser opened ahead, and did not need
        pass
    else:
        near[1].write(octets)
    finally:
        await close(near[1])
