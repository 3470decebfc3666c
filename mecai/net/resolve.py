"""The addresses of a name that the operator gave, within a deadline.

Such a name is looked up as this host looks up every name, /etc/hosts included. For the names of strangers there is
`dns_lookup`, which alone needs a DNS library: a client does without.
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
    """Return what this host's own means say (getaddrinfo(3), which knows no deadline); raises `OSError`."""
    lookup = in_background(partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM))
    try:
        found = lookup.result(deadline.require())
    except TimeoutError as error:
        raise TimeoutError("timed out") from error
    texts = (str(address[0]).partition("%")[0] for *_, address in found)
    return tuple(dict.fromkeys(map(address_octets, texts)))
