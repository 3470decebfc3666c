"""Which addresses may be contacted: each kind of special address, and the operator's exceptions."""

import ipaddress

import pytest

from mecai.evidence import AddressPolicy, AddressRefused

LAB = (ipaddress.ip_network("198.18.0.0/15"), ipaddress.ip_network("2001:db8::/32"))


def octets(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


@pytest.mark.parametrize("text", ["8.8.8.8", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2600::1"])
def test_the_public_internet_is_open(text: str) -> None:
    AddressPolicy().check(octets(text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.1.2.3", "this network"),
        ("10.1.2.3", "private"),
        ("100.127.0.1", "carrier-grade"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.31.0.1", "private"),
        ("192.0.0.8", "protocol assignments"),
        ("192.168.0.1", "private"),
        ("198.19.255.255", "benchmarking"),
        ("203.0.113.9", "documentation"),
        ("239.1.1.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::8.8.8.8", "not global unicast"),
        ("64:ff9b::7f00:1", "IPv4 translation"),
        ("64:ff9b:1::1", "IPv4 translation"),
        ("2001::1", "Teredo"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::", "6to4"),
        ("3fff::1", "documentation"),
        ("fd00::1", "unique local"),
        ("fe80::1", "link-local"),
        ("fec0::1", "not global unicast"),
        ("ff02::1", "multicast"),
        ("4000::1", "not global unicast"),
    ],
)
def test_special_addresses_are_refused(text: str, why: str) -> None:
    with pytest.raises(AddressRefused, match=why) as caught:
        AddressPolicy().check(octets(text))
    assert (caught.value.reason, caught.value.rule) == ("address-refused", "P3")


def test_an_operator_may_allow_a_network() -> None:
    policy = AddressPolicy(allowed=LAB)
    policy.check(octets("198.18.0.1"))
    policy.check(octets("2001:db8::1"))
    with pytest.raises(AddressRefused):
        policy.check(octets("10.0.0.1"))


def test_an_operators_own_networks_stay_refused_within_an_exception() -> None:
    policy = AddressPolicy(allowed=LAB, refused=(ipaddress.ip_network("198.18.7.0/24"),))
    policy.check(octets("198.18.6.1"))
    with pytest.raises(AddressRefused, match="that this operator refuses"):
        policy.check(octets("198.18.7.1"))
