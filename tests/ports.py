"""Ports of 127.0.0.1 for servers that take a number and no open door, and for places where nobody is to answer.

They lie below those that Linux gives to whoever asks for any, or connects (ip_local_port_range, from 32768): between
this choice and the server's bind(2) nobody else is given one, and who connects to one meets nobody, itself neither.

For servers that must be at port 443 there are networks of loopback.
"""

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_FIRST: Final = 20_000
_COUNT: Final = 12_000
_CLAIMS: Final[list[socket.socket]] = []


def _numbers() -> Iterator[int]:
    """Go round, from a place of this process: two that run side by side do not choose in step."""
    begin = os.getpid() * 101
    return (_FIRST + (begin + turn) % _COUNT for turn in itertools.count())


_NUMBERS: Final = _numbers()


def free_port() -> int:
    """Return a port that nobody has now; this process is told of another one each time."""
    for port in itertools.islice(_NUMBERS, _COUNT):
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))  # which fails where a connection has been lately, too
            return port
    raise OSError("no port is free")


def network(begin: str) -> str:
    """Return the first three octets of a network that is this process's until it ends; they begin with these two.

    Tests run side by side. Whose a network is tells a socket without a file, of which there is one of a name (unix(7)).
    """
    for number in range(250):
        claim, name = socket.socket(socket.AF_UNIX), f"{begin}.{(os.getpid() + number) % 250}"
        try:
            claim.bind(f"\0mecai-tests-{name}")
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        return name
    raise OSError("no network is free")
