"""The quotas: so many a minute, each requester, address and certificate for itself, and a server's own apart.

quotas.take_requester(...) counts who asks, quotas.take_targets(...) what is asked for, both here: take(quotas, ...).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from mecai.vas.admission.quotas import DAY, MINUTE, Quota, Quotas
from mecai.vas.admission.requesters import neighbourhoods_of, networks_of, own_address
from mecai.vas.config import Bounds
from mecai.vas.refusal import Code, Refusal
from tests.pki import Hierarchy

ALDER = Hierarchy("alder")
SERVER, NEIGHBOUR = "198.18.0.1", "198.18.0.2"
STRANGERS = tuple(f"192.0.2.{number}" for number in range(1, 200))


def request(name: str = "one", *addresses: str) -> VoucherRequest:
    octets = tuple(address_octets(address) for address in addresses or (SERVER, "2001:db8::1"))
    return VoucherRequest(ALDER.server(f"{name}.example.test").der, (), octets, 443)


def take(quotas: Quotas, requester: str, asked: VoucherRequest) -> None:
    quotas.take_targets(asked, quotas.take_requester(requester, asked))


def voucher(quotas: Quotas, requester: str, asked: VoucherRequest, *agreed: str) -> None:
    """Count a voucher for the addresses that agreed, all that were asked for unless told."""
    quotas.take_voucher(asked, own_address(requester, asked), [*map(address_octets, agreed)] or asked.addresses)


def refused(take: Callable[[], None]) -> str:
    with pytest.raises(Refusal) as caught:
        take()
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    assert caught.value.retry == timedelta(seconds=60)
    return caught.value.detail


def test_each_requester_has_a_quota_and_each_minute_begins_anew() -> None:
    now = 1000.0
    quota = Quota("requester", 2, clock=lambda: now)
    for requester in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        quota.take_all([requester])
    now += 18
    with pytest.raises(Refusal) as caught:
        quota.take_all(["192.0.2.1"])
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    assert caught.value.retry == timedelta(seconds=42)
    now = 1000 + MINUTE.seconds
    quota.take_all(["192.0.2.1"])


def test_many_requesters_share_the_quota_of_an_address() -> None:
    quotas = Quotas(Bounds(address=2), clock=lambda: 0.0)
    take(quotas, STRANGERS[0], request("one"))
    take(quotas, STRANGERS[1], request("two"))
    assert "address 198.18.0.1" in refused(lambda: take(quotas, STRANGERS[2], request("three")))
    take(quotas, STRANGERS[2], request("three", "198.18.0.2"))


def test_many_requesters_share_the_quota_of_a_certificate() -> None:
    quotas = Quotas(Bounds(certificate=2), clock=lambda: 0.0)
    take(quotas, STRANGERS[0], request("one", "198.18.0.1"))
    take(quotas, STRANGERS[1], request("one", "198.18.0.2"))
    assert "certificate " in refused(lambda: take(quotas, STRANGERS[2], request("one", "198.18.0.3")))
    take(quotas, STRANGERS[2], request("two", "198.18.0.3"))


def test_nobody_can_use_up_a_servers_quota() -> None:
    quotas = Quotas(Bounds(requester=1, address=2, certificate=2, own=2), clock=lambda: 0.0)
    for stranger in STRANGERS[:2]:
        take(quotas, stranger, request())
    refused(lambda: take(quotas, STRANGERS[3], request()))
    take(quotas, SERVER, request())
    take(quotas, f"::ffff:{SERVER}", request())
    refused(lambda: take(quotas, SERVER, request()))


def test_a_servers_own_quota_does_not_let_it_have_others_probed_without_end() -> None:
    """It names itself and a neighbour, which then is probed on the word of many such servers."""
    quotas = Quotas(Bounds(address=3), clock=lambda: 0.0)
    for number in (2, 3, 4):
        take(quotas, f"198.18.0.{number}", request("one", f"198.18.0.{number}", SERVER))
    assert f"address {SERVER}" in refused(lambda: take(quotas, "198.18.0.5", request("one", "198.18.0.5", SERVER)))
    take(quotas, SERVER, request("one", SERVER))


def test_what_is_beyond_a_servers_own_quota_counts_as_anybodys() -> None:
    quotas = Quotas(Bounds(requester=2, own=1), clock=lambda: 0.0)
    for _ in range(3):
        take(quotas, SERVER, request())
    assert "198.18.0.1" in refused(lambda: take(quotas, SERVER, request()))


def test_the_addresses_of_an_ipv6_site_share_one_quota() -> None:
    quotas = Quotas(Bounds(requester=2), clock=lambda: 0.0)
    take(quotas, "2001:db8:5::1", request("one"))
    quotas.take_statement("2001:db8:5::2")
    refused(lambda: take(quotas, "2001:db8:5:0:ffff::3", request("two")))
    refused(lambda: quotas.take_statement("2001:db8:5::4"))
    take(quotas, "2001:db8:6::1", request("two"))


@pytest.mark.parametrize(
    ("site", "many"), [("2001:db8:5:0:{:x}::1", 1), ("2001:db8:5:{:x}::1", 4), ("2001:db8:5:{:x}00::1", 16)]
)
def test_who_has_many_networks_may_not_ask_as_many_times_as_often(site: str, many: int) -> None:
    """Of a /64 so many, of a /56 four times, of a /48 sixteen times as many, from however many networks in it."""
    quotas = Quotas(Bounds(requester=2), clock=lambda: 0.0)
    for number in range(2 * many):
        quotas.take_statement(site.format(number))
    refused(lambda: quotas.take_statement(site.format(2 * many)))
    quotas.take_statement("2001:db8:6::1")


def test_malformed_requests_count() -> None:
    quotas = Quotas(Bounds(requester=1), clock=lambda: 0.0)
    quotas.take_statement(STRANGERS[0])
    refused(lambda: quotas.take_statement(STRANGERS[0]))
    refused(lambda: take(quotas, STRANGERS[0], request()))


def test_vouchers_are_counted_by_day_for_each_certificate_at_each_address() -> None:
    now = 0.0
    quotas = Quotas(Bounds(vouchers=2), clock=lambda: now)
    voucher(quotas, STRANGERS[0], request("one", SERVER))
    voucher(quotas, STRANGERS[1], request("one", SERVER, NEIGHBOUR))
    for requester in STRANGERS[:3]:
        with pytest.raises(Refusal, match=r"more than 2 vouchers in a day: certificate [0-9a-f]{64} at 198\.18\.0\.1"):
            voucher(quotas, requester, request("one", SERVER))
    voucher(quotas, STRANGERS[0], request("one", NEIGHBOUR))
    voucher(quotas, STRANGERS[0], request("two", SERVER))
    voucher(quotas, SERVER, request("one", SERVER))  # strangers do not use up its own
    now = DAY.seconds
    voucher(quotas, STRANGERS[0], request("one", SERVER))


def test_who_names_himself_beside_a_server_has_no_part_in_its_vouchers() -> None:
    """Whether he shows its certificate, as a relay does, or not; one of several addresses is enough to ask for all."""
    quotas = Quotas(Bounds(vouchers=2), clock=lambda: 0.0)
    for stranger in STRANGERS[:2]:
        voucher(quotas, stranger, request("one", stranger, SERVER, NEIGHBOUR), SERVER, NEIGHBOUR)
        voucher(quotas, stranger, request("one", stranger, SERVER, NEIGHBOUR))
    with pytest.raises(Refusal, match=f"at {SERVER}"):
        voucher(quotas, STRANGERS[2], request("one", STRANGERS[2], SERVER), SERVER)
    for _ in range(2):
        voucher(quotas, SERVER, request("one", SERVER, NEIGHBOUR))
    with pytest.raises(Refusal, match=f"at {SERVER}"):
        voucher(quotas, SERVER, request("one", SERVER))


def test_who_shows_a_servers_certificate_himself_has_vouchers_within_bounds_of_his_own() -> None:
    quotas = Quotas(Bounds(vouchers=2), clock=lambda: 0.0)
    for server in (SERVER, NEIGHBOUR):
        voucher(quotas, STRANGERS[0], request("one", STRANGERS[0], server))
    with pytest.raises(Refusal, match=f"at {STRANGERS[0]}"):
        voucher(quotas, STRANGERS[0], request("one", STRANGERS[0]))


def test_a_site_of_ipv6_is_one_address_of_a_certificate() -> None:
    quotas = Quotas(Bounds(vouchers=2), clock=lambda: 0.0)
    for number in (1, 2):
        voucher(quotas, STRANGERS[0], request("one", f"2001:db8::{number}", f"2001:db8::f{number}"))
    with pytest.raises(Refusal):
        voucher(quotas, STRANGERS[0], request("one", "2001:db8::99"))


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("2001:db8::1", ("2001:db8::/64", "2001:db8::/56", "2001:db8::/48")),
        ("2001:db8:1:2345::1", ("2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48")),
        ("::ffff:192.0.2.1", ("::ffff:192.0.2.1",)),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/56", "fe80::/48")),
        ("", ("",)),
    ],
)
def test_who_asks_from_ipv6_counts_as_each_network_that_it_may_have(address: str, networks: tuple[str, ...]) -> None:
    assert networks_of(address) == networks


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.1", ("192.0.2.1/32", "192.0.2.0/24", "192.0.0.0/16")),
        ("::ffff:192.0.2.1", ("192.0.2.1/32", "192.0.2.0/24", "192.0.0.0/16")),
        ("2001:db8:1:2345::1", ("2001:db8:1:2345::/64", "2001:db8:1::/48", "2001:db8::/32")),
        ("::1", ("::/64", "::/48", "::/32")),
        ("", ("",)),
    ],
)
def test_who_reports_counts_with_his_neighbours(address: str, networks: tuple[str, ...]) -> None:
    assert neighbourhoods_of(address) == networks


@pytest.mark.parametrize(
    ("reporters", "most"),
    [(STRANGERS[:50], 80), ([f"192.0.{place}.1" for place in range(50)], 320)],
    ids=["in one /24", "in one /16"],
)
def test_many_reporters_side_by_side_do_not_use_up_what_all_have_in_a_day(reporters: Sequence[str], most: int) -> None:
    """Fifty of them with twenty reports each; others are heard."""
    quotas = Quotas(Bounds(), clock=lambda: 0.0)
    taken = 0
    for reporter in reporters:
        for _ in range(Bounds.reports):
            with suppress(Refusal):
                quotas.take_report(reporter)
                taken += 1
    assert taken == most
    quotas.take_report("198.18.0.1")
