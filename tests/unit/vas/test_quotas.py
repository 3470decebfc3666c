"""The quotas: so many a minute, each requester, address and certificate for itself, and a server's own apart."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from mecai.vas.admission.quotas import WINDOW, Quota, Quotas, requester_of
from mecai.vas.config import Bounds
from mecai.vas.refusal import Code, Refusal
from tests.pki import Hierarchy

ALDER = Hierarchy("alder")
SERVER = "198.18.0.1"
STRANGERS = tuple(f"192.0.2.{number}" for number in range(1, 200))


def request(name: str = "one", *addresses: str) -> VoucherRequest:
    octets = tuple(address_octets(address) for address in addresses or (SERVER, "2001:db8::1"))
    return VoucherRequest(ALDER.server(f"{name}.example.test").der, (), octets, 443)


def refused(take: Callable[[], None]) -> str:
    with pytest.raises(Refusal) as caught:
        take()
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    assert caught.value.retry == timedelta(seconds=60)
    return caught.value.detail


def test_each_requester_has_a_quota_and_each_minute_begins_anew() -> None:
    now = 1000.0
    quota = Quota(2, lambda: now)
    for requester in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        quota.take(requester)
    now += 18
    with pytest.raises(Refusal) as caught:
        quota.take("192.0.2.1")
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    assert caught.value.retry == timedelta(seconds=42)
    now = 1000 + WINDOW
    quota.take("192.0.2.1")


def test_many_requesters_share_the_quota_of_an_address() -> None:
    quotas = Quotas(Bounds(address=2), lambda: 0.0)
    quotas.take(STRANGERS[0], request("one"))
    quotas.take(STRANGERS[1], request("two"))
    assert "address 198.18.0.1" in refused(lambda: quotas.take(STRANGERS[2], request("three")))
    quotas.take(STRANGERS[2], request("three", "198.18.0.2"))


def test_many_requesters_share_the_quota_of_a_certificate() -> None:
    quotas = Quotas(Bounds(certificate=2), lambda: 0.0)
    quotas.take(STRANGERS[0], request("one", "198.18.0.1"))
    quotas.take(STRANGERS[1], request("one", "198.18.0.2"))
    assert "of certificate " in refused(lambda: quotas.take(STRANGERS[2], request("one", "198.18.0.3")))
    quotas.take(STRANGERS[2], request("two", "198.18.0.3"))


def test_nobody_can_use_up_a_servers_quota() -> None:
    quotas = Quotas(Bounds(requester=1, address=2, certificate=2, own=2), lambda: 0.0)
    for stranger in STRANGERS[:2]:
        quotas.take(stranger, request())
    refused(lambda: quotas.take(STRANGERS[3], request()))
    quotas.take(SERVER, request())
    quotas.take(f"::ffff:{SERVER}", request())
    refused(lambda: quotas.take(SERVER, request()))


def test_beyond_its_own_quota_a_server_has_what_everybody_has() -> None:
    quotas = Quotas(Bounds(requester=2, own=1), lambda: 0.0)
    for _ in range(3):
        quotas.take(SERVER, request())
    assert "198.18.0.1" in refused(lambda: quotas.take(SERVER, request()))


def test_the_addresses_of_an_ipv6_site_share_one_quota() -> None:
    quotas = Quotas(Bounds(requester=2), lambda: 0.0)
    quotas.take("2001:db8:5::1", request("one"))
    quotas.take_malformed("2001:db8:5::2")
    refused(lambda: quotas.take("2001:db8:5:0:ffff::3", request("two")))
    refused(lambda: quotas.take_malformed("2001:db8:5::4"))
    quotas.take("2001:db8:6::1", request("two"))


def test_malformed_requests_count() -> None:
    quotas = Quotas(Bounds(requester=1), lambda: 0.0)
    quotas.take_malformed(STRANGERS[0])
    refused(lambda: quotas.take_malformed(STRANGERS[0]))
    refused(lambda: quotas.take(STRANGERS[0], request()))


@pytest.mark.parametrize(
    ("address", "requester"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_site_is_one_requester(address: str, requester: str) -> None:
    assert requester_of(address) == requester
