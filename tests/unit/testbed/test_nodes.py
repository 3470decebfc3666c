"""Two nodes of one VAS in a topology: what each host is told of the others, and what a file may not say."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from mecai.errors import InputError
from mecai.service.database_url import require_guarded
from testbed.model import reading
from testbed.roles import ROLES
from tests.unit.testbed.laid import INTERNET

FILE = yaml.safe_load(reading.find("internet").read_text(encoding="utf-8"))
FIRST, SECOND = INTERNET.addresses("birch"), INTERNET.addresses("birch-2")


def told(host: str) -> Any:
    found = INTERNET.topology.host(host)
    return ROLES[found.role].variables(INTERNET, found)


def test_both_have_one_name_that_leads_to_both() -> None:
    records = [record.address for record in INTERNET.records() if record.name == "vas.birch.test"]
    assert sorted(records) == sorted([*FIRST, *SECOND])
    assert {told(host)["voucher_authority_host_name"] for host in ("birch", "birch-2")} == {"vas.birch.test"}


def test_each_asks_the_other_and_neither_is_probed() -> None:
    for host, others in (("birch", SECOND), ("birch-2", FIRST)):
        nodes = told(host)["voucher_authority_nodes"]
        assert (nodes["authority"], tuple(nodes["others"])) == ("birch", others)
        assert set(told(host)["voucher_authority_settings"]["refused_networks"]) == {*FIRST, *SECOND}
    assert "voucher_authority_nodes" not in told("cedar")


def test_the_second_reaches_the_firsts_database_by_its_very_name_and_is_let_in_by_its_own() -> None:
    first, second = told("birch"), told("birch-2")
    url = second["voucher_authority_database"]
    require_guarded(url)
    assert urlsplit(url).hostname == first["postgresql_host_name"]
    [client] = first["postgresql_clients"]
    assert client["name"] == second["voucher_authority_nodes"]["name"]
    assert [address.partition("/")[0] for address in client["addresses"]] == list(SECOND)
    assert first["postgresql_listen"] == list(FIRST)
    assert "postgresql_listen" not in told("cedar")


def test_one_of_them_sends_mail_and_reports() -> None:
    assert (told("birch").get("voucher_authority_worker", True), told("birch-2")["voucher_authority_worker"]) == (
        True,
        False,
    )


def test_each_promises_what_it_does_itself() -> None:
    for host in ("birch", "birch-2"):
        found = INTERNET.topology.host(host)
        [check] = [each for each in ROLES[found.role].promises(INTERNET, found) if each.promise == "the VAS is ready"]
        assert check.on == host
        assert "vas.birch.test:443:localhost:443" in check.command


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"vars": {}},
            "hosts.birch-2.vars.node_of: saw 'none'; expected an authority with database: postgresql (birch)",
        ),
        ({"vars": {"node_of": "cedar"}}, "hosts.birch-2.vars.node_of: saw 'cedar'; expected"),
        ({"names": ["vas.cedar.test"]}, "hosts.birch-2.names: saw vas.cedar.test; expected [vas.birch.test]"),
        ({"names": ["new.example.test"]}, "hosts.birch-2.names: saw new.example.test; expected [vas.birch.test]"),
    ],
)
def test_a_node_of_nobody_or_with_another_name_is_refused(changed: dict[str, Any], said: str) -> None:
    hosts = {**FILE["hosts"], "birch-2": {**FILE["hosts"]["birch-2"], **changed}}
    with pytest.raises(InputError) as refused:
        reading.parse(yaml.safe_dump({**FILE, "hosts": hosts}, sort_keys=False), "mine.yml", ROLES)
    assert said in str(refused.value)


def test_two_authorities_have_no_name_in_common() -> None:
    hosts = {**FILE["hosts"], "cedar": {**FILE["hosts"]["cedar"], "names": ["vas.birch.test", "ocsp.cedar.test"]}}
    with pytest.raises(InputError, match=r"saw 'vas.birch.test', which (birch|cedar) has; expected each name once"):
        reading.parse(yaml.safe_dump({**FILE, "hosts": hosts}, sort_keys=False), "mine.yml", ROLES)
