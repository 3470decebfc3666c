"""Several addresses of one name, of which the first that answers at TCP is the connection (RFC 8305, section 5).

One after the other begins, before those that are silent have been given up; those that come too late are closed and
have seen no octet. One thread does it: sockets that do not block, and one wait for all of them.
"""

import os
import selectors
import socket
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Final, Self

from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.service.printable import words

DELAY: Final = 0.25  # seconds until the next address begins too; less where the time would not last for all of them
CONNECT_SECONDS: Final = 5.0  # at most, for the address that begins last
_IPV4: Final = 4  # octets


class Tcp:
    """The way out of this process by TCP, which a test can put another one in the place of."""

    def begin(self, address: bytes, port: int) -> socket.socket:
        """Begin a connection to 4 or 16 octets, which does not block; raises `OSError` where it fails at once."""
        begun = socket.socket(socket.AF_INET if len(address) == _IPV4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            begun.setblocking(False)
            with suppress(BlockingIOError):  # on its way
                begun.connect((address_text(address), port))
        except BaseException:
            begun.close()
            raise
        return begun

    def ended(self, begun: Collection[socket.socket], seconds: float) -> Sequence[socket.socket]:
        """Return those that are connected or have failed, when there are any or `seconds` are over."""
        with selectors.DefaultSelector() as selector:
            for each in begun:
                selector.register(each, selectors.EVENT_WRITE)
            found = {key.fd for key, _ in selector.select(seconds)}
        return [each for each in begun if each.fileno() in found]


TCP: Final = Tcp()


def interleaved(addresses: Sequence[bytes]) -> list[bytes]:
    """Return them with families in turns, the first one's first, each in its own order (RFC 8305, section 4)."""
    first = [each for each in addresses if len(each) == len(addresses[0])]
    others = [each for each in addresses if len(each) != len(addresses[0])]
    return [each for each in chain.from_iterable(zip_longest(first, others)) if each is not None]


class Race:
    """The connections to the addresses of one name; whatever is left at the end of the `with` is closed.

    `failures` say why an address was given up, in words; one that is not there was silent for as long as there was.
    """

    def __init__(self, port: int, deadline: Deadline, tcp: Tcp = TCP) -> None:
        self.failures: dict[bytes, str] = {}
        self._port, self._deadline, self._tcp = port, deadline, tcp
        self._begun: dict[socket.socket, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun:
            begun.close()

    def run(self, addresses: Iterable[bytes]) -> socket.socket | None:
        """Return the first connection to any of them, blocking from now on; None where there is none in time."""
        waiting, end = deque(addresses), self._deadline
        while (waiting and self._deadline.left()) or (self._begun and end.left()):
            if waiting:
                address = waiting.popleft()
                end = self._step(len(waiting))
                if not self._begin(address):
                    continue
            if won := self._first(end.left()):
                return won
        return None

    def _step(self, waiting: int) -> Deadline:
        """Return for how long those that have begun go on alone: until another begins, or for the last of them."""
        return self._deadline.share(waiting + 1).within(DELAY if waiting else CONNECT_SECONDS)

    def _begin(self, address: bytes) -> bool:
        try:
            self._begun[self._tcp.begin(address, self._port)] = address
        except OSError as error:
            self.failures[address] = words(error)
            return False
        return True

    def _first(self, seconds: float) -> socket.socket | None:
        """Wait until one of them comes to its end; return it if it is connected."""
        for ended in self._tcp.ended(self._begun, seconds):
            address = self._begun.pop(ended)
            if not (error := ended.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                ended.setblocking(True)  # what follows is bounded from outside: `mecai.net.cut_off`
                return ended
            ended.close()
            self.failures[address] = words(OSError(error, os.strerror(error)))
        return None
