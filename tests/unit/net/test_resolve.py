"""The operator's own names: as this host knows them, and never beyond the deadline."""

import ipaddress
import socket
import threading

import pytest

from mecai.net.resolve import from_system
from mecai.service.deadline import Deadline


def octets(*texts: str) -> list[bytes]:
    return [ipaddress.ip_address(text).packed for text in texts]


def test_this_hosts_own_names() -> None:
    assert octets("127.0.0.1")[0] in from_system("localhost", Deadline(10))


def test_an_address_counts_once_and_without_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (text, 0, 0, 2))
        for text in ("fe80::1%lo", "fe80::1", "2001:db8::1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert list(from_system("www", Deadline(10))) == octets("fe80::1", "2001:db8::1")


def test_a_resolver_of_this_host_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(60))
    with pytest.raises(TimeoutError, match="timed out"):
        from_system("www", Deadline(0.05))
    ended.set()
