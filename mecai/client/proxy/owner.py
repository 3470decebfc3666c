"""Whose program is at the other end of a connection on loopback: Linux says so to whoever asks (sock_diag(7)).

Every user of a machine reaches 127.0.0.1. The proxy serves one person: to any other it would lend his place in the
network, and show where he has been. The kernel is asked for one connection, which takes it a tenth of a millisecond,
and not for the table of all of them (proc_net_tcp(5)), which takes it seven.
"""

import os
import socket
import struct
from typing import Final

from mecai.errors import HostError

Address = tuple[str, int]
_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG of linux/netlink.h
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY of linux/sock_diag.h
_REQUEST: Final = 1  # NLM_F_REQUEST: one answer, not a list
_ANY: Final = 0xFFFFFFFF  # every state of a connection; no cookie, in each half
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_QUESTION: Final = struct.Struct(
    "=BBBxI"
)  # inet_diag_req_v2: family, protocol, extensions, states; then the connection
_CONNECTION: Final = struct.Struct("!HH4s12x4s12x")  # inet_diag_sockid: ports, addresses; then interface and cookie
_REST: Final = struct.Struct("=III")
_USER: Final = struct.Struct("=64xI")  # inet_diag_msg: the user stands behind all that is of no interest here
_SECONDS: Final = 1.0
_ANSWER: Final = 4096  # octets


def require_owners() -> None:
    """Raise `HostError` where this system does not say whose a connection is: tried on one of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as own:
        if user_of(own.getsockname(), listener.getsockname()) != os.geteuid():
            raise HostError("this system does not say whose a connection is (Linux: sock_diag); the proxy needs it")


def is_own(peer: Address, here: Address) -> bool:
    """Tell whether a program of this process's user opened the connection from `peer` to `here`, both IPv4."""
    return user_of(peer, here) == os.geteuid()


def user_of(peer: Address, here: Address) -> int | None:
    """Return the user id of the program that opened a connection; None where there is none, or nobody says."""
    places = socket.inet_aton(peer[0]), socket.inet_aton(here[0])
    asked = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY)
    asked += _CONNECTION.pack(peer[1], here[1], *places) + _REST.pack(0, _ANY, _ANY)
    header = _HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.send(header + asked)
            answer = kernel.recv(_ANSWER)
    except (OSError, AttributeError):  # no netlink
        return None
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return None
    user: int = _USER.unpack_from(answer, _HEADER.size)[0]
    return user
