"""A relay on the path: it reads a ClientHello, and changes it, drops the connection, or sends it where it pleases.

Told as its argument, in JSON: `port` to listen on; `real`, the server's address of each family, by 4 and 6; `false`,
the port of the attacker's own server here; `manner`:

    pass        everything goes to the real server
    strip       the extensions of vouchers are cut out of the ClientHello
    downgrade   TLS 1.3 is cut out of it
    drop        who names the authority `va` gets the false server, all others a broken connection
    relay       who names the authority `va` gets the false server, all others the real one

Tells systemd when it listens (sd_notify(3)). Each connection has `SECONDS` in all.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension

SECONDS = 30
_OCTETS = 65536
_RECORD_HEADER = 5
_HANDSHAKE_HEADER = 4
_FIXED = 2 + 32  # client_version and random (RFC 8446, 4.1.2)
_SUPPORTED_VERSIONS = 43
_CUT = {"strip": {VOUCHER, VOUCHER_REQUEST}, "downgrade": {_SUPPORTED_VERSIONS}}


async def _read_hello(reader: asyncio.StreamReader) -> bytes:
    """Return the ClientHello, handshake header and all, out of as many records as it takes."""
    hello = b""
    while len(hello) < _HANDSHAKE_HEADER or len(hello) < _HANDSHAKE_HEADER + int.from_bytes(hello[1:4]):
        header = await reader.readexactly(_RECORD_HEADER)
        hello += await reader.readexactly(int.from_bytes(header[3:5]))
    return hello


def _extensions(hello: bytes) -> tuple[int, Iterator[tuple[int, bytes]]]:
    """Return where the extensions' length stands, and each extension by its type."""
    place = _HANDSHAKE_HEADER + _FIXED
    place += 1 + hello[place]  # legacy_session_id
    place += 2 + int.from_bytes(hello[place : place + 2])  # cipher_suites
    place += 1 + hello[place]  # legacy_compression_methods

    def each(at: int) -> Iterator[tuple[int, bytes]]:
        while at < len(hello):
            kind, size = struct.unpack("!HH", hello[at : at + 4])
            yield kind, hello[at + 4 : at + 4 + size]
            at += 4 + size

    return place, each(place + 2)


def _without(hello: bytes, cut: set[int]) -> bytes:
    """Return the ClientHello, as one record, without some of its extensions."""
    place, extensions = _extensions(hello)
    kept = b"".join(struct.pack("!HH", kind, len(body)) + body for kind, body in extensions if kind not in cut)
    body = hello[_HANDSHAKE_HEADER:place] + struct.pack("!H", len(kept)) + kept
    message = hello[:1] + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def _names(hello: bytes, authority: str) -> bool:
    """Say whether a ClientHello has an authority among its candidates."""
    for kind, body in _extensions(hello)[1]:
        if kind == VOUCHER_REQUEST:
            request = RequestExtension.decode(body)
            return request is not None and bytes.fromhex(authority) in request.candidates
    return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(_OCTETS):
            writer.write(octets)
            await writer.drain()
        writer.write_eof()


def _target(told: dict[str, Any], hello: bytes, family: int) -> tuple[str, int] | None:
    """Return where a connection goes; None: nowhere."""
    real = told["real"]["6" if family == socket.AF_INET6 else "4"], 443
    if told["manner"] not in {"drop", "relay"}:
        return real
    if _names(hello, told["va"]):
        return "localhost", told["false"]
    return real if told["manner"] == "relay" else None


async def _serve(told: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    plain: socket.socket = writer.get_extra_info("socket")
    try:
        async with asyncio.timeout(SECONDS):
            hello = await _read_hello(reader)
            if (target := _target(told, hello, plain.family)) is None:
                writer.transport.abort()
                return
            further, onward = await asyncio.open_connection(*target)
            onward.write(_without(hello, _CUT.get(told["manner"], set())))
            with contextlib.closing(onward):
                await asyncio.gather(_pump(reader, onward), _pump(further, writer))
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass  # the client went away, or the server is not there: as on any path
    finally:
        writer.close()


def _say_ready() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


async def main() -> None:
    """Listen until the end."""
    told = json.loads(sys.argv[1])
    server = await asyncio.start_server(lambda reader, writer: _serve(told, reader, writer), None, told["port"])
    _say_ready()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
