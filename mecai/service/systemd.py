"""What a service says to systemd, where that started it."""

import os
import socket
from pathlib import Path
from typing import Final

from mecai.service.durable import host_errors

_FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START


def notify(state: str) -> None:
    """Tell systemd, if it asked (sd_notify(3)): one datagram to the socket that it names. Raises `HostError`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with host_errors(Path(address), "notified"), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def passed_socket() -> socket.socket | None:
    """Return the socket that systemd opened for this process (sd_listen_fds(3)), None where it opened none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    return socket.socket(fileno=_FIRST_DESCRIPTOR)
