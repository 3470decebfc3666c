"""Routers of autonomous systems are neighbours exactly where they meet, and each system announces its own zones."""

from ipaddress import IPv6Network

import pytest

from mecai.errors import InputError
from testbed.model import interdomain, plan, reading
from testbed.model.snapshot import Snapshot, decode, encode

# people -- a -- exchange -- b -- servers, b -- vault: two zones in one system; the office is behind a firewall.
TWO = """
name: two
zones:
  people: {meaning: where people are, as: 64601, region: north}
  exchange: where the two systems meet
  servers: {meaning: where servers are, as: 64602}
  vault: {meaning: another network of the same system, as: 64602}
  office: {meaning: a company, private: true}
hosts:
  a: {role: bgp_router, zone: people, links: [exchange]}
  b: {role: bgp_router, zone: servers, links: [exchange, vault]}
  dns: {role: router, zone: people}
  spare: {role: attacker, zone: vault, addresses: 2}
  wall: {role: firewall, zone: office, links: [people]}
  inside: {role: attacker, zone: office}
"""


class Kind:
    """A role, as far as a topology asks."""

    def __init__(self, *traits: str) -> None:
        self.forwards, self.resolves = "forwards" in traits, "resolves" in traits
        self.guards = "guards" in traits
        self.shares_names = ("firewall",) if self.guards else ()
        self.needs: dict[str, str] = {}

    def names(self, _host: str) -> tuple[str, ...]:
        """Name nothing."""
        return ()

    def faults(self, _topology: object, _host: object) -> tuple[str, ...]:
        """Find nothing."""
        return ()


KINDS = {
    "bgp_router": Kind("forwards"),
    "router": Kind("resolves"),
    "firewall": Kind("forwards", "guards"),
    "attacker": Kind(),
}


def planned(text: str = TWO) -> plan.Plan:
    return plan.make(reading.parse(text, "two.yml", KINDS))


def test_neighbours_are_the_routers_of_other_systems_in_a_shared_zone() -> None:
    found = planned()
    [seen] = interdomain.neighbours(found, "a")
    assert seen == interdomain.Neighbour("exchange", "b", 64602, "198.18.2.2", "2001:db8:2::2")
    assert [one.name for one in interdomain.neighbours(found, "b")] == ["a"]


def test_a_system_announces_its_zones_and_room_for_more_specific_prefixes() -> None:
    found = planned()
    assert interdomain.prefixes(found, 64602) == (
        ["198.18.3.0/24", "198.18.4.0/24"],
        ["2001:db8:3::/48", "2001:db8:4::/48"],
    )
    within = [IPv6Network(each) for each in interdomain.prefixes(found, 64602)[1]]
    for host in ("b", "spare"):
        own = found.interfaces[host][0].ipv6.network
        assert any(own.subnet_of(each) and own != each for each in within)


def test_routers_of_systems_have_no_fixed_routes_and_hosts_go_by_their_router() -> None:
    found = planned()
    assert found.routes["a"] == found.routes["b"] == ()
    assert [str(route.via) for route in found.routes["spare"]] == ["198.18.4.1", "2001:db8:4::1"]


def test_a_second_address_is_a_hundred_further_and_every_record_leads_to_it() -> None:
    found = planned()
    addresses = ("198.18.4.10", "2001:db8:4::10", "198.18.4.110", "2001:db8:4::110")
    assert found.every_address("spare") == addresses
    assert {one.address for one in found.records() if one.name == "spare.lab.test"} == set(addresses)
    assert found.addresses("spare") == addresses[:2]


def test_an_intranet_has_addresses_names_and_a_way_out_of_its_own() -> None:
    found = planned()
    assert found.addresses("inside") == ("10.66.5.10", "fd66:10:66:5::10")
    assert not [one for one in found.records() if one.name.startswith("inside.")]
    assert {one.name for one in found.records("office")} == {"wall.lab.test", "inside.lab.test"}
    assert [str(route.via) for route in found.routes["inside"]] == ["10.66.5.1", "fd66:10:66:5::1"]
    assert [str(route.via) for route in found.routes["wall"]] == ["198.18.1.1", "2001:db8:1::1"]
    assert "office" not in {way.zone for way in found.topology.ways(found.topology.host("a"))}


def test_the_snapshot_gives_systems_and_second_addresses_back() -> None:
    made = Snapshot("/checkout", "/two.yml", "0", planned())
    assert decode(encode(made)) == made


def test_regions_are_the_zones_own_word_or_their_name() -> None:
    assert [zone.region for zone in planned().topology.zones[:2]] == ["north", "exchange"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("as: 64601", "as: 1", "zones.people.as: saw 1; expected the number of an autonomous system, 64512 to"),
        ("as: 64601, ", "asn: 64601, ", "zones.people: saw the unknown key 'asn'; expected a sentence that says what"),
        ("meaning: a company, ", "", "zones.office: saw no key 'meaning'; expected a sentence that says what"),
        ("private: true", "private: true, as: 64603", "zones.office.as: saw 64603; expected none: a private zone has"),
        ("as: 64601", "as: 64602", "hosts.b.zone: saw AS 64602, which a has; expected another number, one a router"),
        (
            "as: 64602}\n  vault",
            "as: 64602}\n  far: {meaning: far, as: 64603}\n  vault",
            "zones: saw AS 64603 without a router; expected a host with the role bgp_router at home in it",
        ),
        ("[exchange, vault]", "[exchange, vault, people]", "hosts.b.links: saw people of AS 64601; expected zones of"),
        ("attacker, zone: vault", "attacker, zone: exchange", "hosts.spare.zone: saw exchange, a link between systems"),
        ("[exchange, vault]", "[vault]", "zones.servers: saw no way from a; expected it among the links of a router"),
        ("[exchange, vault]", "[exchange]", "zones.vault: saw no way from a; expected it among the links of a router"),
        ("links: [people]", "links: []", "hosts.wall.links: saw no way out; expected a zone in which a router stands"),
        ("firewall, zone: office, links: [people]", "attacker, zone: people", "zones.office: saw the firewalls none;"),
        ("zone: people, links: [exchange]", "zone: people, links: [exchange, office]", "hosts.a.links: saw office, wh"),
        (
            "attacker, zone: office",
            "attacker, zone: office, links: [people]",
            "hosts.inside.links: saw people of AS 64601",
        ),
        ("firewall, zone: office, links: [people]", "firewall, zone: people", "zones.office: saw the firewalls none;"),
        ("addresses: 2", "addresses: 3", "hosts.spare.addresses: saw 3; expected 1 or 2: how many addresses of each"),
    ],
)
def test_a_fault_is_one_line_with_the_fix(old: str, new: str, message: str) -> None:
    assert old in TWO
    with pytest.raises(InputError) as caught:
        planned(TWO.replace(old, new, 1))
    assert str(caught.value).startswith(f"two.yml: {message}")
    assert "\n" not in str(caught.value)


def test_a_name_may_be_that_of_several_hosts_of_a_role_that_shares_names() -> None:
    shared = TWO.replace("role: firewall, ", "role: firewall, names: [site.test], ")
    assert [one.address for one in planned(shared).records("office") if one.name == "site.test"] == [
        "10.66.5.1", "fd66:10:66:5::1",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"saw 'site\.test', which wall has; expected each name once"):
        planned(shared.replace("attacker, zone: office", "attacker, zone: office, names: [site.test]"))
