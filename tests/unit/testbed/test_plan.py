"""Addresses follow from the topology alone, are unique, and stay inside the lab's own ranges."""

from ipaddress import ip_network

from testbed.model import plan, topology

SMALL = plan.make(topology.load(topology.find("small")))


def test_addresses_are_unique_and_inside_the_ranges_of_the_lab() -> None:
    legs = [leg for legs in SMALL.legs.values() for leg in legs]

    assert all(leg.ipv4.ip in ip_network("198.18.0.0/15") for leg in legs)
    assert all(leg.ipv6.ip in ip_network("2001:db8::/32") for leg in legs)
    assert len({leg.ipv4.ip for leg in legs}) == len({leg.ipv6.ip for leg in legs}) == len(legs)


def test_the_same_host_has_the_same_number_in_both_families() -> None:
    assert SMALL.addresses("www") == ("198.18.6.10", "2001:db8:6::10")


def test_the_router_has_a_leg_in_each_zone_and_its_own_first() -> None:
    legs = SMALL.legs["router"]

    assert legs[0].zone == SMALL.topology.router.zone
    assert {leg.zone for leg in legs} == {zone.name for zone in SMALL.topology.zones}
    assert all(leg.interface == leg.zone for leg in legs)


def test_every_host_reaches_its_gateway_on_its_own_network() -> None:
    for host in SMALL.topology.hosts:
        leg, gateway = SMALL.legs[host.name][0], SMALL.gateway(host.zone)
        assert gateway.ipv4.ip in leg.ipv4.network
        assert gateway.ipv6.ip in leg.ipv6.network


def test_hosts_of_one_zone_are_numbered_in_the_order_of_the_file() -> None:
    text = """
name: crowd
zones: {home: all live here}
hosts:
  first: {role: client, zone: home}
  router: {role: router, zone: home}
  second: {role: client, zone: home}
"""
    crowd = plan.make(topology.parse(text, "crowd.yml"))

    assert [crowd.addresses(name)[0] for name in ("router", "first", "second")] == [
        "198.18.1.1",
        "198.18.1.10",
        "198.18.1.11",
    ]


def test_interface_names_fit_the_kernel() -> None:
    longest = "a-long-name1"
    hosts = f"{{{longest}: {{role: router, zone: {longest}}}}}"
    zones = "{" + ", ".join(f"zone{number}: one of many" for number in range(98)) + f", {longest}: the last one}}"
    wide = plan.make(topology.parse(f"name: wide\nzones: {zones}\nhosts: {hosts}", "wide.yml"))

    assert max(len(name) for leg in wide.legs[longest] for name in (leg.port, leg.interface, f"br-{leg.zone}")) <= 15


def test_every_name_has_both_record_types() -> None:
    records = {(record.name, record.type): record.address for record in SMALL.records()}

    assert records["vas.alder.test", "A"] == records["alder.lab.test", "A"] == "198.18.2.10"
    assert records["ocsp.alder.test", "AAAA"] == "2001:db8:2::10"
    assert len(records) == len(SMALL.records())
