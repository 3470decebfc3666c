"""Whose a connection is, as the kernel says it."""

import os
import socket
from collections.abc import Iterator

import pytest

from mecai.client.proxy import owner
from mecai.client.proxy.owner import Address, is_own, require_owners, user_of
from mecai.errors import HostError

Ends = tuple[Address, Address]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Hold a connection of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, peer = listener.accept()
        with accepted:
            assert client.getsockname() == peer
            yield peer, accepted.getsockname()


def test_a_connection_of_this_process_is_its_own(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    require_owners()
    assert user_of(*ends) == os.geteuid()
    assert is_own(*ends)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not is_own(*ends)


def test_a_connection_that_is_none_is_nobodys(ends: Ends) -> None:
    peer, here = ends
    assert user_of((peer[0], 1), here) is None
    assert not is_own((peer[0], 1), here)


def test_a_system_that_does_not_say_is_said(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_SOCK_DIAG", 31)  # a protocol of netlink that no kernel has
    assert not is_own(*ends)
    with pytest.raises(HostError, match="does not say whose a connection is"):
        require_owners()
