"""The lab and the example for a real CA give every role what it requires, and nothing that no role knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.machine.lab import Lab
from testbed.model import plan, reading
from testbed.provision import inventory
from testbed.roles import ROLES as LAB_ROLES

REPOSITORY = Path(__file__).resolve().parents[3]
ROLES = REPOSITORY / "ansible" / "roles"
EXAMPLE = REPOSITORY / "ansible" / "inventories" / "example"
SMALL = plan.make(reading.load(reading.find("small"), LAB_ROLES))
LAB = inventory.inventory(Lab("small"), SMALL, Path("/mecai.whl"))["all"]
# The example is a public CA's: no private network, no database but SQLite, no owners of domains; only `internet` has a
# second publisher, agents, a mail server, a VAS with two nodes and a host that another one delivers to.
OWNERS = ("registries", "mail_hosts")
SITES = ("stock_servers", "python_servers", "haproxy_servers")
BESIDES = ("publishers", "perspectives", "mail_servers", "vas_nodes", "deliverers", "delivered_servers")
FEW = ("private_authorities", "plain_servers", *SITES, "directory_servers", "databases", *OWNERS, *BESIDES)
LEFT_OUT = {("example", group) for group in FEW} | {("lab", group) for group in BESIDES}
# What `testbed/roles/` make of it is for the roles.
TOPOLOGYS_OWN = {"database", "backup_by"}
PREFIX = "mecai.infrastructure."


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _plays() -> Iterator[tuple[str, str]]:
    """List each role with each group whose hosts it is for."""
    for playbook in sorted((REPOSITORY / "ansible" / "playbooks").glob("*.yml")):
        for play in _read(playbook):
            for group in play.get("hosts", "").split(":"):
                own = f"groups.{group} "  # what a role's `when` names, if it is not for all groups of its play
                meant = [role["role"] for role in play.get("roles", ()) if own in role.get("when", own)]
                yield from ((role.removeprefix(PREFIX), group) for role in meant)


def _options(role: str) -> dict[str, Any]:
    options: dict[str, Any] = _read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    return options


def _given(name: str, group: str) -> Iterator[set[str]]:
    """Give the names of the variables that each host of a group has."""
    if name == "example":
        common = set(_read(EXAMPLE / "group_vars" / "all.yml")) | set(_read(EXAMPLE / "group_vars" / f"{group}.yml"))
        for host in _read(EXAMPLE / "hosts.yml")["all"]["children"][group]["hosts"]:
            yield common | set(_read(EXAMPLE / "host_vars" / f"{host}.yml"))
    else:
        yield from (set(LAB["vars"]) | set(variables) for variables in LAB["children"][group]["hosts"].values())


@pytest.mark.parametrize("name", ["example", "lab"])
@pytest.mark.parametrize(("role", "group"), sorted(set(_plays())))
def test_required_variables_are_given(name: str, role: str, group: str) -> None:
    required = {option for option, what in _options(role).items() if what.get("required")}
    hosts = [] if (name, group) in LEFT_OUT else list(_given(name, group))
    assert bool(hosts) == ((name, group) not in LEFT_OUT)
    assert all(required <= variables for variables in hosts)


def test_given_variables_are_known() -> None:
    known = {option for role in ROLES.iterdir() for option in _options(role.name)}
    given = {variable for path in EXAMPLE.glob("*_vars/*.yml") for variable in _read(path)}
    given |= {variable for group in LAB["children"] for variables in _given("lab", group) for variable in variables}
    assert not {variable for variable in given - known - TOPOLOGYS_OWN if not variable.startswith(("ansible_", "lab_"))}


def test_somebody_may_vouch_for_the_examples_site() -> None:
    """No CA vouches for what its own owner certified, so the example has another owner."""
    owners = {path.stem: _read(path)["certificate_authority_owner_group"] for path in EXAMPLE.glob("host_vars/*.yml")}
    issuer = _read(EXAMPLE / "group_vars" / "tls_servers.yml")["tls_server_authority"]
    assert set(owners) == set(_read(EXAMPLE / "hosts.yml")["all"]["children"]["authorities"]["hosts"])
    assert set(owners.values()) - {owners[issuer]}


def test_the_examples_parties_speak_of_one_trust_context() -> None:
    told = {group: _read(EXAMPLE / "group_vars" / f"{group}.yml") for group in ("authorities", "clients", "vendors")}
    contexts = [directory["context"] for directory in told["authorities"]["voucher_authority_directories"]]
    assert contexts == told["clients"]["voucher_client_settings"]["contexts"]
    assert contexts == [told["vendors"]["directory_publisher_context"]]
