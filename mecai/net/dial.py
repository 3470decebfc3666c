"""A TCP connection to a host: its name resolved once, its addresses raced (RFC 8305), all within one deadline."""

import socket
from collections.abc import Iterator, Sequence
from typing import Final

from mecai.errors import HostError, InputError
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.net.race import TCP, Race, Tcp, interleaved
from mecai.net.resolve import Resolve, from_system
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.service.deadline import Deadline
from mecai.service.printable import words

ADDRESSES: Final = 32  # of one name that are tried: a stranger's zone is no list of hosts to knock at
_IPV4: Final = 4  # octets


class Unreachable(HostError, OSError):
    """The name has no address, or no address answers (an `OSError` too, as programs expect of a connection)."""

    reason = "unreachable"


def connect(address: bytes, port: int, deadline: Deadline) -> socket.socket:
    """Open a TCP connection to 4 or 16 octets, blocking afterwards; raises `OSError`."""
    connected = socket.socket(socket.AF_INET if len(address) == _IPV4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        connected.settimeout(deadline.require())
        connected.connect((address_text(address), port))
    except BaseException:
        connected.close()
        raise
    connected.settimeout(None)  # what follows is bounded from outside: `mecai.net.cut_off`
    return connected


def dial(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    policy: AddressPolicy | None = None,
    resolve: Resolve = from_system,
    tcp: Tcp = TCP,
) -> socket.socket:
    """Connect to that address of `host`, a name or an address, which `policy` allows and which answers first.

    No address can use up the time of those after it, however many are silent (`mecai.net.race`). Raises `Unreachable`.
    """
    refused: list[str] = []
    addresses = interleaved(list(_allowed(_addresses(host, deadline, resolve), policy, refused)))[:ADDRESSES]
    with Race(port, deadline, tcp) as race:
        if won := race.run(addresses):
            return won
    silent = (f"{address_text(each)}: {race.failures.get(each, 'timed out')}" for each in addresses)
    said = "; ".join((*refused, *silent)) or "there is none"
    raise Unreachable(f"{host}: no address answers at port {port} ({said})")


def _addresses(host: str, deadline: Deadline, resolve: Resolve) -> Sequence[bytes]:
    try:
        return [address_octets(host)]
    except InputError:
        pass
    try:
        return resolve(host, deadline)
    except OSError as error:
        raise Unreachable(f"{host}: the name has no address ({words(error)})") from error


def _allowed(addresses: Sequence[bytes], policy: AddressPolicy | None, refused: list[str]) -> Iterator[bytes]:
    for address in addresses:
        try:
            if policy:
                policy.check(address)
        except AddressRefused as error:
            refused.append(str(error))
        else:
            yield address
