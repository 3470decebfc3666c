"""Whose program is at the other end of a connection on loopback (proc_net_tcp(5)).

Every user of a machine reaches 127.0.0.1. The proxy serves one person: to any other it would lend his place in the
network, and show where he has been.
"""

import os
import sys
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.service.durable import host_errors

TABLE: Final = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _USER = 1, 2, 7  # columns
Address = tuple[str, int]


def require_table() -> None:
    """Raise `HostError` where this system does not say whose a connection is."""
    with host_errors(TABLE, "read"):
        if not TABLE.read_text(encoding="ascii").lstrip().startswith("sl "):
            raise HostError(f"{TABLE}: is not the table of connections that proc_net_tcp(5) describes")


def is_own(peer: Address, here: Address) -> bool:
    """Tell whether a program of this process's user opened the connection from `peer` to `here`, both IPv4."""
    wanted = _written(peer), _written(here)
    for line in TABLE.read_text(encoding="ascii").splitlines():
        columns = line.split()
        if (columns[_LOCAL], columns[_REMOTE]) == wanted:
            return int(columns[_USER]) == os.geteuid()
    return False


def _written(address: Address) -> str:
    """Write an address as the kernel does: the octets of IPv4 as a number of this machine, the port as one."""
    octets = bytes(map(int, address[0].split(".")))
    return f"{int.from_bytes(octets, sys.byteorder):08X}:{address[1]:04X}"
