"""What two hosts of a topology may not both have: names, and a trust context."""

import json
from itertools import permutations
from typing import Any

import pytest
import yaml

from mecai.errors import InputError
from testbed.model import reading
from testbed.roles import ROLES
from tests.unit.testbed.laid import INTERNET

FILE = yaml.safe_load(reading.find("internet").read_text(encoding="utf-8"))
HOSTS = INTERNET.topology.hosts
NAMED = [host for host in HOSTS if host.names]
# One of each role; two of those of which several stand in the lab.
SOME = [host for place, host in enumerate(NAMED) if [one.role for one in NAMED[:place]].count(host.role) < 2]


def refusal(**changes: dict[str, Any]) -> str:
    """Change keys of hosts, or add hosts; return what is said of it."""
    hosts = FILE["hosts"] | {name: FILE["hosts"].get(name, {}) | keys for name, keys in changes.items()}
    try:
        reading.parse(json.dumps(FILE | {"hosts": hosts}), "mine.yml", ROLES)  # JSON is YAML, written faster
    except InputError as error:
        return str(error)
    return ""


def test_no_two_hosts_have_one_name_but_those_of_a_site() -> None:
    """Whichever of them stands first in the file."""
    for host, other in (pair for pair in permutations(SOME, 2) if pair[1].names[0] not in pair[0].names):
        said = refusal(**{host.name: {"names": [*host.names, other.names[0]]}})
        shared = host.role == other.role == "tls_server"
        alone = host.role == "vas_node" and other.role == "authority"  # that one has no other name at all
        assert ("; expected each name once" in said) is not (shared or alone), (host, other, said)
        assert bool(said) is not shared, (host, other, said)
        assert "\n" not in said


@pytest.mark.parametrize("host", ["www", "birch", "plain", "agent-nw"])
def test_what_a_host_is_called_by_itself_is_nobody_elses_name(host: str) -> None:
    names = [*INTERNET.topology.host(host).names, f"client-a.{INTERNET.topology.domain}"]
    assert refusal(**{host: {"names": names}}).endswith("; expected each name once")


def test_a_third_is_held_against_all_before_it() -> None:
    """A node's authority and the node have one name; another authority, after both, is no part of that."""
    hosts = {name: keys for name, keys in FILE["hosts"].items() if name != "birch"} | {"birch": FILE["hosts"]["birch"]}
    hosts["cedar"] = hosts["cedar"] | {"names": ["vas.birch.test", "ocsp.cedar.test"]}
    with pytest.raises(InputError, match=r"saw 'vas\.birch\.test', which (birch|cedar) has; expected each name once$"):
        reading.parse(yaml.safe_dump(FILE | {"hosts": hosts}, sort_keys=False), "mine.yml", ROLES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"alt-2": {"role": "publisher", "zone": "home-b"}},
            "hosts.alt-2.vars.context: saw 'ALT', which alt speaks for",
        ),
        ({"alt": {"vars": {"context": "MOZ"}}}, "hosts.alt.vars.context: saw 'MOZ', which vendor speaks for"),
        ({"alt": {"names": []}}, "hosts.alt.names: saw none; expected that of its web server"),
        ({"vendor": {"names": []}}, "hosts.vendor.names: saw none; expected that of its web server"),
    ],
)
def test_each_trust_context_has_one_publisher_with_a_name(changes: dict[str, Any], said: str) -> None:
    assert f"mine.yml: {said}" in refusal(**changes)
    assert not refusal(**{"alt-2": {"role": "publisher", "zone": "home-b", "vars": {"context": "OUR"}}})
