"""Names are served in zones from a root down; what is private stands in none of them."""

from testbed.model import naming, plan, reading
from testbed.roles import ROLES

SMALL = plan.make(reading.load(reading.find("small"), ROLES))
SERVERS = {".": "birch", "test": "cedar", "example.test": "dogwood", "lab.test": "dogwood"}


def test_each_zone_is_delegated_by_the_one_above_with_its_servers_addresses() -> None:
    root, top, example, lab = naming.zones(SMALL, SERVERS)
    assert root.records == ("test. NS cedar.lab.test.", *_glue("cedar"))
    assert {line for line in top.records if " NS " in line} == {
        "example.test. NS dogwood.lab.test.",
        "lab.test. NS dogwood.lab.test.",
    }
    assert [line for line in top.records if line.startswith("dogwood.lab.test.")] == list(_glue("dogwood"))
    assert (root.delegates, top.delegates) == ({"test": "cedar"}, {"example.test": "dogwood", "lab.test": "dogwood"})
    assert example.delegates == lab.delegates == {}


def test_a_record_stands_in_the_longest_zone_that_holds_it() -> None:
    zones = {zone.name: zone.records for zone in naming.zones(SMALL, SERVERS)}
    assert f"www.example.test. A {SMALL.addresses('www')[0]}" in zones["example.test"]
    assert f"www.lab.test. A {SMALL.addresses('www')[0]}" in zones["lab.test"]
    assert f"vas.alder.test. A {SMALL.addresses('alder')[0]}" in zones["test"]
    assert not [line for records in zones.values() for line in records if "corp" in line or " 10.66." in line]


def test_domains_below_test_are_those_of_public_hosts() -> None:
    found = naming.registrable_domains(SMALL)
    assert {"lab.test", "alder.test", "example.test"} <= set(found)
    assert "corp.test" not in found


def _glue(host: str) -> tuple[str, str]:
    ipv4, ipv6 = SMALL.addresses(host)
    return f"{host}.lab.test. A {ipv4}", f"{host}.lab.test. AAAA {ipv6}"
