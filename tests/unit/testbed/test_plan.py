"""Addresses and routes follow from the topology alone, are unique, and stay inside the lab's own ranges."""

import itertools
from ipaddress import ip_address, ip_network

import pytest

from mecai.errors import InputError
from testbed.model import plan, reading
from testbed.model.plan import Plan
from testbed.roles import ROLES


def planned(text: str) -> Plan:
    return plan.make(reading.parse(text, "test.yml", ROLES))


SMALL = plan.make(reading.load(reading.find("small"), ROLES))
# Three routers in a row, the outer ones not neighbours; `both` stands in two zones and forwards nothing.
#   home -- west -- transit-a -- middle -- transit-b -- east -- hosting
CHAIN = planned("""
name: chain
zones: {home: people, transit-a: west to middle, transit-b: middle to east, hosting: servers}
hosts:
  client: {role: attacker, zone: home}
  west: {role: router, zone: home, links: [transit-a]}
  middle: {role: router, zone: transit-a, links: [transit-b]}
  east: {role: router, zone: hosting, links: [transit-b]}
  both: {role: attacker, zone: hosting, links: [home]}
""")


def routes(found: Plan, host: str) -> dict[str, str]:
    return {str(route.to): str(route.via) for route in found.routes[host]}


def test_addresses_are_unique_and_inside_the_ranges_of_the_lab() -> None:
    for found in (SMALL, CHAIN):
        every = [interface for interfaces in found.interfaces.values() for interface in interfaces]
        private = {zone.name for zone in found.topology.zones if zone.private}
        for one in every:
            ipv4, ipv6 = plan.PRIVATE_NETWORKS if one.zone in private else plan.NETWORKS
            assert one.ipv4.ip in ip_network(ipv4)
            assert one.ipv6.ip in ip_network(ipv6)
        assert len({one.ipv4.ip for one in every}) == len({one.ipv6.ip for one in every}) == len(every)


def test_the_same_host_has_the_same_number_in_both_families() -> None:
    assert SMALL.addresses("www") == ("198.18.6.10", "2001:db8:6::10")


def test_a_router_without_links_is_linked_to_every_zone_its_own_first() -> None:
    zones = [interface.zone for interface in SMALL.interfaces["router"]]

    assert zones == [zone.name for zone in SMALL.topology.zones if not zone.private]
    assert zones[0] == SMALL.topology.host("router").zone


def test_one_router_needs_no_routes_and_is_everyones_gateway() -> None:
    assert SMALL.routes["router"] == ()
    assert routes(SMALL, "www") == {"0.0.0.0/0": "198.18.6.1", "::/0": "2001:db8:6::1"}


def test_routers_are_numbered_from_one_and_hosts_from_ten_in_the_order_of_the_file() -> None:
    crowd = planned("""
name: crowd
zones: {home: all live here}
hosts:
  first: {role: attacker, zone: home}
  router: {role: router, zone: home}
  second: {role: attacker, zone: home}
  spare: {role: router, zone: home}
""")
    numbers = {name: crowd.addresses(name)[0] for name in ("router", "spare", "first", "second")}
    assert list(numbers.values()) == ["198.18.1.1", "198.18.1.2", "198.18.1.10", "198.18.1.11"]


def test_a_host_of_two_zones_has_an_interface_in_each_named_by_the_zone() -> None:
    home, hosting = CHAIN.interface("both", "home"), CHAIN.interface("both", "hosting")

    assert [interface.zone for interface in CHAIN.interfaces["both"]] == ["hosting", "home"]
    assert (str(home.ipv4), str(hosting.ipv4)) == ("198.18.1.11/24", "198.18.4.10/24")
    assert home.port != hosting.port
    assert CHAIN.addresses("both") == ("198.18.4.10", "2001:db8:4::10")
    assert routes(CHAIN, "both") == {"0.0.0.0/0": "198.18.4.1", "::/0": "2001:db8:4::1"}


def test_a_router_has_a_route_to_every_zone_beyond_its_own_in_both_families() -> None:
    assert routes(CHAIN, "west") == {
        "198.18.3.0/24": "198.18.2.2",
        "2001:db8:3::/64": "2001:db8:2::2",
        "198.18.4.0/24": "198.18.2.2",
        "2001:db8:4::/64": "2001:db8:2::2",
    }
    assert routes(CHAIN, "middle")["198.18.1.0/24"] == "198.18.2.1"
    assert routes(CHAIN, "middle")["198.18.4.0/24"] == "198.18.3.2"


@pytest.mark.parametrize("found", [SMALL, CHAIN], ids=["small", "chain"])
def test_every_host_gets_to_every_other_hop_by_hop(found: Plan) -> None:
    """Follow the routes as a packet would, with nothing but each host's own interfaces and routes."""
    owners = {
        address: host
        for host, interfaces in found.interfaces.items()
        for interface in interfaces
        for address in (interface.ipv4.ip, interface.ipv6.ip)
    }
    private = {zone.name for zone in found.topology.zones if zone.private}
    inside = [ip_network(network) for network in plan.PRIVATE_NETWORKS]
    for source, address in itertools.product(found.interfaces, owners):
        if found.topology.host(source).zone in private or not any(address in network for network in inside):
            at, target, hops = source, owners[address], 0
            while at != target:
                own = [one for interface in found.interfaces[at] for one in (interface.ipv4, interface.ipv6)]
                direct = any(address in one.network for one in own)
                fitting = [route for route in found.routes[at] if address in route.to]
                at = target if direct else owners[max(fitting, key=lambda route: route.to.prefixlen).via]
                hops += 1
                assert hops <= len(found.interfaces)
                assert at == target or found.topology.host(at).forwards


def test_every_gateway_stands_on_a_network_of_the_host_that_uses_it() -> None:
    for found in (SMALL, CHAIN):
        for host, its_routes in found.routes.items():
            networks = [one.network for i in found.interfaces[host] for one in (i.ipv4, i.ipv6)]
            assert all(any(route.via in network for network in networks) for route in its_routes)


def test_the_same_file_gives_the_same_plan() -> None:
    assert plan.make(CHAIN.topology) == CHAIN


def test_of_two_equal_ways_the_first_of_the_file_is_taken() -> None:
    ring = planned("""
name: ring
zones: {near: here, left: one way, right: another, far: there}
hosts:
  start: {role: router, zone: near, links: [left, right]}
  a: {role: router, zone: left, links: [far]}
  b: {role: router, zone: right, links: [far]}
""")
    assert routes(ring, "start")["198.18.4.0/24"] == str(ring.interface("a", "left").ipv4.ip)


def test_the_resolver_of_a_host_is_the_nearest_and_a_routers_is_itself() -> None:
    found = {host.name: CHAIN.resolver(host.name).name for host in CHAIN.topology.hosts}
    assert found == {"client": "west", "west": "west", "middle": "middle", "east": "east", "both": "east"}


def test_interface_names_fit_the_kernel() -> None:
    longest = "a-long-name1"
    hosts = f"{{{longest}: {{role: router, zone: {longest}}}}}"
    zones = "{" + ", ".join(f"zone{number}: one of many" for number in range(98)) + f", {longest}: the last one}}"
    wide = planned(f"name: wide\nzones: {zones}\nhosts: {hosts}")

    names = {name for one in wide.interfaces[longest] for name in (one.port, one.zone, f"br-{one.zone}")}
    assert max(map(len, names)) <= 15


def test_every_name_has_both_record_types() -> None:
    records = {(record.name, record.type): record.address for record in SMALL.records()}

    assert records["vas.alder.test", "A"] == records["alder.lab.test", "A"] == "198.18.2.10"
    assert ip_address(records["ocsp.alder.test", "AAAA"]) == ip_address("2001:db8:2::10")
    assert len(records) == len(SMALL.records())


def test_a_host_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no host 'nobody' in topology 'chain'"):
        CHAIN.resolver("nobody")
