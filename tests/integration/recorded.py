"""A recording without a sniffer: a relay on loopback keeps what both sides say, and writes it as packets (pcap)."""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration.relays import relay

_LINK: Final = 228  # raw IPv4 (pcap-linktype(7))
_CLIENT: Final = ("192.0.2.1", 40000)
_SERVER: Final = ("192.0.2.2", 443)
_SEGMENT: Final = 1400  # so that messages are put together from several packets, as on a real network
_PUSH, _SYN, _ACK = 0x08, 0x02, 0x10

Said = tuple[bool, bytes]  # whether the client said it, and what


@contextmanager
def recording(port: int) -> Iterator[tuple[int, list[Said]]]:
    """Relay one connection to a port of 127.0.0.1; yields the port to connect to and what was said, in its order."""
    said: list[Said] = []
    with relay(port, heard=lambda client, octets: said.append((client, octets))) as own:
        yield own, said


def write(path: Path, *conversations: Iterable[Said]) -> Path:
    """Write TCP connections to port 443, one after the other, in which this was said."""
    packets = [packet for number, said in enumerate(conversations) for packet in _packets(_Flow(number), said)]
    records = (struct.pack("<IIII", number, 0, len(each), len(each)) + each for number, each in enumerate(packets))
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINK) + b"".join(records))
    return path


def _packets(flow: "_Flow", said: Iterable[Said]) -> Iterator[bytes]:
    yield from (flow.packet(True, _SYN), flow.packet(False, _SYN | _ACK), flow.packet(True, _ACK))
    for client, octets in said:
        for start in range(0, len(octets), _SEGMENT):
            yield flow.packet(client, _PUSH | _ACK, octets[start : start + _SEGMENT])


class _Flow:
    """The sequence numbers of one connection, by side."""

    def __init__(self, number: int) -> None:
        self._client = (_CLIENT[0], _CLIENT[1] + number)
        self._next = {True: 1000, False: 5000}

    def packet(self, client: bool, flags: int, octets: bytes = b"") -> bytes:
        source, target = (self._client, _SERVER) if client else (_SERVER, self._client)
        acknowledged = self._next[not client] if flags & _ACK else 0
        numbers = (self._next[client], acknowledged)
        tcp = struct.pack("!HHIIBBHHH", source[1], target[1], *numbers, 5 << 4, flags, 65535, 0, 0) + octets
        self._next[client] += len(octets) + bool(flags & _SYN)
        addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses + tcp
