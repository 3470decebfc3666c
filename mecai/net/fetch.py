"""Fetching what a stranger's certificate names (docs/spec, P7).

http only, ports 80 and 443 unless the caller says others, no redirect, no proxy, no compression. The name is resolved
once; each address is held against the policy, and the connection goes to exactly the address that passed. One deadline
covers name, connection, request and answer, however slowly the octets drip; the answer has a limit of its own.
"""

import http.client
import socket
from collections.abc import Container
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from mecai.errors import HostError, InputError
from mecai.net.addresses import AddressPolicy
from mecai.net.dial import dial
from mecai.net.exchange import Answer, exchange
from mecai.net.race import TCP, Tcp
from mecai.net.resolve import Resolve
from mecai.net.url import PORTS, Target, read_url
from mecai.service.deadline import Deadline
from mecai.service.printable import one_line, words

SECONDS: Final = 5.0
EVERY_PORT: Final = range(1, 65536)  # for URLs that are no stranger's


class FetchError(HostError):
    """Nothing usable came back: what was asked, and what went wrong."""


class Fetch(Protocol):
    """A `Fetcher`, or what stands for one in a test."""

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Return the body of the answer, at most `limit` octets; raises `FetchError`."""
        ...


@dataclass(frozen=True)
class Fetcher:
    """Fetches what the policy allows; `resolve` and `tcp` are the two ways out of this process.

    Names of strangers are looked up by `mecai.net.dns_lookup`, the operator's own by `mecai.net.resolve` (ADR 0017).
    """

    policy: AddressPolicy
    resolve: Resolve
    tcp: Tcp = TCP
    seconds: float = SECONDS
    ports: Container[int] = frozenset(PORTS.values())

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """GET `url`, or POST `body` to it; return the body of an answer 200, at most `limit` octets.

        Raises `FetchError`, whatever goes wrong.
        """
        headers = {} if body is None else {"Content-Type": content_type}
        deadline = Deadline(self.seconds)
        try:
            target = self._target(url)
            with closing(self._dial(target, deadline)) as connected:
                answer = exchange(connected, target, deadline, limit, body=body, headers=headers)
            return body_of(answer, limit)
        except (OSError, ValueError, InputError) as error:
            raise FetchError(f"{one_line(url)}: {words(error)}") from error

    def _dial(self, target: Target, deadline: Deadline) -> socket.socket:
        return dial(target.host, target.port, deadline, policy=self.policy, resolve=self.resolve, tcp=self.tcp)

    def _target(self, url: str) -> Target:
        """Return where a URL leads that may be fetched; raises `InputError`."""
        target = read_url(url, "http")
        if target.port not in self.ports:
            raise InputError(f"port {target.port} is not fetched from; expected 80 or 443")
        return target


def body_of(answer: Answer, limit: int) -> bytes:
    """Return the body of an answer 200 that was not cut off; raises `ValueError`."""
    if answer.status != http.client.OK:
        raise ValueError(f"answered {answer.status}, expected 200")
    if not answer.complete:
        raise ValueError(f"answered more than {limit} octets")
    return answer.body
