"""Dialling: every address has its share of the time, and only allowed ones are contacted. No network."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from mecai.errors import HostError
from mecai.net.addresses import AddressPolicy
from mecai.net.dial import ADDRESSES, CONNECT_SECONDS, Unreachable, dial
from mecai.service.deadline import Deadline

PRIVATE = ipaddress.ip_address("10.0.0.1").packed


def public(count: int) -> list[bytes]:
    return [ipaddress.ip_address(f"8.8.{last // 256}.{last % 256}").packed for last in range(count)]


@dataclass
class Net:
    """A network in which all but the `good` addresses are silent; its clock moves as they are waited for."""

    good: Sequence[bytes] = ()
    now: float = 0.0
    tried: list[tuple[bytes, float]] = field(default_factory=list)

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    def connect(self, address: bytes, port: int, deadline: Deadline) -> socket.socket:
        """Connect, or wait for as long as may be waited."""
        assert port == 443
        self.tried.append((address, deadline.left()))
        if address in self.good:
            return socket.socket()
        self.now += deadline.left()
        raise TimeoutError("timed out")

    def dial(self, addresses: Sequence[bytes], seconds: float, policy: AddressPolicy | None = None) -> None:
        """Dial a name with these addresses."""
        deadline = Deadline(seconds, self.clock)
        dial(
            "www.example.test", 443, deadline, policy=policy, resolve=lambda *_: addresses, connect=self.connect
        ).close()


def test_silent_addresses_leave_the_last_its_share() -> None:
    first, second, last = public(3)
    net = Net(good=[last])
    net.dial([first, second, last], 12)
    assert net.tried == [(first, 4), (second, 4), (last, 4)]


def test_what_an_address_leaves_over_is_the_others() -> None:
    """Only those that may be contacted count."""
    policy = AddressPolicy()
    first, last = public(2)
    net = Net(good=[last])
    net.dial([PRIVATE, first, last], 6, policy)
    assert net.tried == [(first, 3), (last, 3)]


def test_one_address_costs_no_more_than_its_limit_however_much_time_there_is() -> None:
    first, last = public(2)
    net = Net(good=[last])
    net.dial([first, last], 600)
    assert net.tried == [(first, CONNECT_SECONDS), (last, CONNECT_SECONDS)]


def test_a_long_list_of_silent_addresses_ends_at_the_deadline() -> None:
    net = Net()
    with pytest.raises(Unreachable, match="no address answers at port 443"):
        net.dial(public(1000), 10)
    assert len(net.tried) == ADDRESSES
    assert net.now == pytest.approx(10)


def test_refused_addresses_are_named_and_not_contacted() -> None:
    net = Net()
    with pytest.raises(Unreachable, match=r"address-refused \(P3\): 10\.0\.0\.1 .*; 8\.8\.0\.0: timed out"):
        net.dial([PRIVATE, *public(1)], 10, AddressPolicy())
    assert [address for address, _ in net.tried] == public(1)


def test_an_address_needs_no_resolver() -> None:
    def resolve(*_: object) -> list[bytes]:
        raise AssertionError

    net = Net()
    with pytest.raises(Unreachable, match=r"192\.0\.2\.1: timed out"):
        dial("192.0.2.1", 443, Deadline(10, net.clock), resolve=resolve, connect=net.connect)


def test_a_name_without_address() -> None:
    def resolve(*_: object) -> list[bytes]:
        raise OSError("it does not exist")

    with pytest.raises(Unreachable, match=r"www\.example\.test: the name has no address \(it does not exist\)"):
        dial("www.example.test", 443, Deadline(10), resolve=resolve)


def test_it_is_an_error_for_programs_of_both_kinds() -> None:
    assert issubclass(Unreachable, OSError)
    assert issubclass(Unreachable, HostError)
