"""A topology file is read wholly or refused in one line: file, key, what was seen, the fix."""

import pytest

from mecai.errors import InputError
from testbed.model import reading, topology
from testbed.roles import ROLES

GOOD = """
name: tiny
zones: {near: where clients stand, far: where servers stand}
hosts:
  router: {role: router, zone: near}
  alder: {role: authority, zone: far}
  www: {role: tls_server, zone: far, names: [www.example.test], vars: {certified_by: alder}}
  birch: {role: authority, zone: far}
  vendor: {role: vendor, zone: far}
"""
NINE_ROUTERS = "".join(f"  r{number}: {{role: router, zone: far}}\n" for number in range(9))


def test_a_good_file_becomes_the_model() -> None:
    model = reading.parse(GOOD, "tiny.yml", ROLES)

    assert (model.name, model.domain) == ("tiny", "lab.test")
    assert [zone.name for zone in model.zones] == ["near", "far"]
    assert model.host("router") == topology.Host("router", "router", ("near", "far"), forwards=True, resolves=True)
    assert model.host("alder").names == ("vas.alder.test", "ocsp.alder.test")
    assert model.host("www") == topology.Host(
        "www", "tls_server", ("far",), ("www.example.test",), {"certified_by": "alder"}
    )


def test_the_documented_topology_is_good() -> None:
    page = (reading.BUILT_IN.parents[1] / "docs" / "testbed" / "README.md").read_text(encoding="utf-8")
    documented = page.partition("```yaml\n")[2].partition("```")[0]
    assert reading.parse(documented, "README.md", ROLES).name == "tiny"


def test_built_in_topologies_are_good_and_named_after_their_file() -> None:
    files = list(reading.BUILT_IN.glob("*.yml"))

    assert files
    for file in files:
        assert reading.load(file, ROLES).name == file.stem


def test_the_digest_follows_the_content_and_not_its_comments() -> None:
    digest = reading.parse(GOOD, "a", ROLES).digest

    assert reading.parse("# a comment\n" + GOOD, "b", ROLES).digest == digest
    assert reading.parse(GOOD.replace("far", "away"), "c", ROLES).digest != digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: tiny\n", "", "the file: saw no key 'name'; expected a mapping with the keys name, zones and hosts"),
        ("name: tiny", "name: Tiny Lab", "name: saw 'Tiny Lab'; expected a name of 1 to 16 lower-case letters"),
        ("name: tiny", "name: tiny\ncolour: red", "the file: saw the unknown key 'colour'; expected a mapping"),
        (
            "name: tiny",
            "name: tiny\ndomain: lab.example",
            "domain: saw 'lab.example'; expected a domain that ends in .test",
        ),
        ("role: router, ", "", "hosts.router: saw no key 'role'; expected a mapping with the keys role and zone"),
        (
            "role: router",
            "role: switch",
            "hosts.router.role: saw 'switch'; expected one of attacker, authority, ",
        ),
        (
            "role: router",
            "role: client",
            "hosts: saw none that joins the zones; expected at least one with",
        ),
        (
            "zone: near}",
            "zone: near, links: []}",
            "zones.far: saw no way from router; expected it among the",
        ),
        (
            "zone: near}",
            "zone: near, links: [fra]}",
            "hosts.router.links: saw 'fra'; expected one of near",
        ),
        ("zone: near}", "zone: near, links: [near]}", "hosts.router.links: saw 'near', its own zone; expected other"),
        ("  www:", f"{NINE_ROUTERS}  www:", "zones.near: saw 10 routers; expected at most 9"),
        (
            "alder}}",
            "nobody}}",
            "hosts.www.vars.certified_by: saw 'nobody'; expected a host with the role",
        ),
        (
            "  birch: {role: authority, zone: far}\n",
            "",
            "hosts: saw no authority but alder; expected another: no CA vouches",
        ),
        (
            "  vendor: {role: vendor, zone: far}\n",
            "",
            "hosts: saw no vendor; expected one: it signs the directory that a VAS",
        ),
        ("names: [www.example.test], ", "", "hosts.www.names: saw none; expected the name of the site"),
        (
            "authority, zone: far",
            "authority, zone: far, names: [vas.a.test]",
            "hosts.alder.names: saw vas.a.test;",
        ),
        (
            "authority, zone: far",
            "authority, zone: far, vars: {database: oracle}",
            "hosts.alder.vars.database: saw 'oracle'; expected sqlite or postgresql",
        ),
        (
            "zone: far, names",
            "zone: fra, names",
            "hosts.www.zone: saw 'fra'; expected one of near, far, or add it under zones",
        ),
        (
            "www.example.test",
            "www.example.org",
            "hosts.www.names.0: saw 'www.example.org'; expected a domain name that ends",
        ),
        (
            "www.example.test",
            "router.lab.test",
            "hosts.www.names: saw 'router.lab.test', which router has; expected each",
        ),
        (
            "[www.example.test]",
            "www.example.test",
            "hosts.www.names: saw 'www.example.test'; expected a list of different",
        ),
        ("  www:", "  web server:", "hosts: saw 'web server'; expected 1 to 64 hosts, each a name of at most 12"),
        ("  www:", "  a-very-long-host-name:", "hosts: saw 'a-very-long-host-name'; expected 1 to 64 hosts"),
        ("far: where servers stand", "far:", "zones.far: saw None; expected a sentence that says what this zone means"),
        (
            "far: where servers stand",
            "near: twice",
            "line 3: the key 'near' stands twice; expected YAML, correct this line",
        ),
        ("zones: {", "zones: [", "line 3: expected ',' or ']', but got '}'; expected YAML, correct this line"),
        ("certified_by", "Certified-By", "hosts.www.vars: saw 'Certified-By'; expected a mapping of Ansible variables"),
        ("certified_by", "ansible_connection", "hosts.www.vars: saw 'ansible_connection'; expected a mapping of"),
        ("  www:", "  switch:", "hosts: saw 'switch'; expected another name"),
        ("near: where", "lo: where", "zones: saw 'lo'; expected another name"),
        ("near: where", "all: where", "zones: saw 'all'; expected another name"),
        ("name: tiny", "? [a, b]\n: c", "line 2: a key that is no plain word; expected YAML, correct this line"),
        ("  www:", "\n".join(f"  h{n}: {{}}" for n in range(64)) + "\n  www:", "hosts: saw 69 entries; expected 1 to"),
        ("name: tiny", f"name: {'x' * 500}", f"name: saw '{'x' * 79}...; expected a name of 1 to 16"),
    ],
)
def test_a_fault_is_one_line_with_the_fix(old: str, new: str, message: str) -> None:
    assert old in GOOD

    with pytest.raises(InputError) as caught:
        reading.parse(GOOD.replace(old, new, 1), "tiny.yml", ROLES)

    assert str(caught.value).startswith(f"tiny.yml: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a list", "just words", "\x00", "[" * 3000])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^tiny\.yml: "):
        reading.parse(text, "tiny.yml", ROLES)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no topology 'medium': use one of internet, small"):
        reading.find("medium")
    with pytest.raises(InputError, match="no host 'wwww' in topology 'tiny': use one of router, alder, www"):
        reading.parse(GOOD, "tiny.yml", ROLES).host("wwww")
    with pytest.raises(InputError, match="cannot be read"):
        reading.load(reading.find("./nowhere.yml"), ROLES)
