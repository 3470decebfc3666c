"""The addresses of a host name that is the operator's own, as this host knows it, within a deadline.

A stranger's name is another matter: `mecai.net.dns_lookup`.
"""

import socket
from collections.abc import Callable, Sequence
from functools import partial

from mecai.protocol.pki.identity import address_octets
from mecai.service.background import in_background
from mecai.service.deadline import Deadline

# Returns addresses of 4 or 16 octets in the order in which they are to be tried; raises `OSError`.
Resolve = Callable[[str, Deadline], Sequence[bytes]]


def from_system(name: str, deadline: Deadline) -> Sequence[bytes]:
    """Return what getaddrinfo(3) says, /etc/hosts included; it knows no deadline of its own. Raises `OSError`."""
    lookup = in_background(partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM))
    try:
        found = lookup.result(deadline.require())
    except TimeoutError as error:
        raise TimeoutError("timed out") from error
    texts = (str(address[0]).partition("%")[0] for *_, address in found)
    return tuple(dict.fromkeys(map(address_octets, texts)))
