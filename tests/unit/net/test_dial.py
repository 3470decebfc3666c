"""Dialling: a silent address costs a moment, and only allowed ones are contacted. No network, but in the last tests."""

import errno
import ipaddress
import math
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from mecai.errors import HostError
from mecai.net.addresses import AddressPolicy
from mecai.net.dial import ADDRESSES, Unreachable, dial
from mecai.net.race import CONNECT_SECONDS, DELAY, Tcp
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

PRIVATE = ipaddress.ip_address("10.0.0.1").packed


def public(count: int) -> list[bytes]:
    return [ipaddress.ip_address(f"8.8.{last // 256}.{last % 256}").packed for last in range(count)]


class Reset(socket.socket):
    """A connection that came to its end."""

    def getsockopt(self, *_: Any) -> Any:
        """Tell how."""
        return errno.ECONNRESET


@dataclass
class Net(Tcp):
    """A network in which all but the `good` addresses are silent, or refuse; its clock moves as they are waited for.

    A `good` address answers some seconds after it was begun with.
    """

    good: Mapping[bytes, float] = field(default_factory=dict)
    refuses: Collection[bytes] = ()  # at once
    resets: Collection[bytes] = ()  # when it is looked at next
    now: float = 0.0
    tried: list[tuple[bytes, float]] = field(default_factory=list)
    made: dict[socket.socket, tuple[bytes, float]] = field(default_factory=dict)

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    def begin(self, address: bytes, port: int) -> socket.socket:
        """Begin with an address."""
        assert port == 443
        self.tried.append((address, self.now))
        if address in self.refuses:
            raise ConnectionRefusedError(111, "Connection refused")
        begun = Reset() if address in self.resets else socket.socket()
        begun.setblocking(False)
        self.made[begun] = (address, self.now + self.good.get(address, math.inf))
        return begun

    def ended(self, begun: Collection[socket.socket], seconds: float) -> Sequence[socket.socket]:
        """Let the time go on, until one answers at most."""
        resets = [each for each in begun if isinstance(each, Reset)]
        self.now = min([self.now + seconds, *([self.now] if resets else []), *(self.made[each][1] for each in begun)])
        return [each for each in begun if isinstance(each, Reset) or self.made[each][1] <= self.now]

    def dial(self, addresses: Sequence[bytes], seconds: float, policy: AddressPolicy | None = None) -> bytes:
        """Dial a name with these addresses; return which it was."""
        deadline = Deadline(seconds, self.clock)
        try:
            with dial(
                "www.example.test", 443, deadline, policy=policy, resolve=lambda *_: addresses, tcp=self
            ) as reached:
                assert reached.getblocking()
                won = self.made.pop(reached)[0]
        finally:
            assert all(each.fileno() == -1 for each in self.made), "a connection was left open"
        return won


def test_a_silent_address_costs_the_delay() -> None:
    first, second, last = public(3)
    net = Net({last: 0.1})
    assert net.dial([first, second, last], 12) == last
    assert net.tried == [(first, 0), (second, DELAY), (last, 2 * DELAY)]
    assert net.now == 2 * DELAY + 0.1


def test_one_that_answers_late_still_wins() -> None:
    """Those that have begun go on beside the next ones."""
    first, second, third = public(3)
    net = Net({first: DELAY + 0.1, second: 0.2})
    assert net.dial([first, second, third], 12) == first
    assert net.tried == [(first, 0), (second, DELAY)]


def test_one_that_answers_in_time_is_the_only_one() -> None:
    first, last = public(2)
    net = Net({first: DELAY / 2, last: 0})
    assert net.dial([first, last], 12) == first
    assert net.tried == [(first, 0)]


@pytest.mark.parametrize("fails", [{"refuses": public(2)[1:]}, {"resets": public(2)[1:]}], ids=["refused", "reset"])
def test_after_one_that_fails_the_next_begins_at_once(fails: dict[str, Any]) -> None:
    first, second, last = public(3)
    net = Net({last: 0.1}, **fails)
    assert net.dial([first, second, last], 12) == last
    assert net.tried == [(first, 0), (second, DELAY), (last, DELAY)]


def test_the_last_fails_and_those_before_it_are_waited_for() -> None:
    first, last = public(2)
    net = Net({first: 3}, refuses=[last])
    assert net.dial([first, last], 12) == first


def test_families_take_turns() -> None:
    four, six = public(3), [ipaddress.ip_address(f"2600::{last}").packed for last in range(1, 3)]
    net = Net()
    with pytest.raises(Unreachable):
        net.dial([*six, *four], 60)
    assert [address for address, _ in net.tried] == [six[0], four[0], six[1], four[1], four[2]]


def test_where_time_is_short_every_address_has_its_share() -> None:
    """Only those that may be contacted count."""
    policy = AddressPolicy()
    first, second, last = public(3)
    net = Net()
    with pytest.raises(Unreachable):
        net.dial([PRIVATE, first, second, last], 0.3, policy)
    assert dict(net.tried) == pytest.approx({first: 0, second: 0.1, last: 0.2})
    assert net.now == pytest.approx(0.3)


def test_the_last_one_costs_no_more_than_its_limit_however_much_time_there_is() -> None:
    net = Net()
    with pytest.raises(Unreachable):
        net.dial(public(2), 600)
    assert net.now == DELAY + CONNECT_SECONDS


def test_a_long_list_of_silent_addresses_ends_at_the_deadline() -> None:
    net = Net()
    with pytest.raises(Unreachable, match="no address answers at port 443"):
        net.dial(public(1000), 5)
    assert len(net.tried) == ADDRESSES
    assert net.now == pytest.approx(5)


def test_a_list_of_one_family_leaves_the_other_its_place() -> None:
    other = ipaddress.ip_address("2600::1").packed
    assert Net({other: 0}).dial([*public(ADDRESSES), other], 5) == other


def test_without_time_nobody_is_tried() -> None:
    net = Net()
    with pytest.raises(Unreachable, match=r"8\.8\.0\.0: timed out"):
        net.dial(public(1), 0)
    assert net.tried == []


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
        dial("192.0.2.1", 443, Deadline(10, net.clock), resolve=resolve, tcp=net)


def test_a_name_without_address() -> None:
    def resolve(*_: object) -> list[bytes]:
        raise OSError("it does not exist")

    with pytest.raises(Unreachable, match=r"www\.example\.test: the name has no address \(it does not exist\)"):
        dial("www.example.test", 443, Deadline(10), resolve=resolve)


def test_it_is_an_error_for_programs_of_both_kinds() -> None:
    assert issubclass(Unreachable, OSError)
    assert issubclass(Unreachable, HostError)


def test_a_real_address_whose_queue_is_full_is_passed_by() -> None:
    """Linux drops what comes to a queue that is full, as a firewall would."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        port = full.getsockname()[1]
        good = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        stack.enter_context(socket.create_connection(("127.0.0.2", port), SECONDS))
        found = [address_octets(each) for each in ("127.0.0.2", "127.0.0.1")]
        with dial("www.example.test", port, Deadline(SECONDS), resolve=lambda *_: found) as reached:
            assert reached.getpeername() == ("127.0.0.1", port)
            there, _ = good.accept()
            with there:
                reached.sendall(b"blocks as before")
                assert there.recv(100) == b"blocks as before"


def test_a_real_address_that_refuses_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1: Connection refused"):
        dial("127.0.0.1", port, Deadline(SECONDS))
