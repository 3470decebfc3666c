"""A company's network: reached from inside alone, held to its own authority, and to fresh OCSP, without vouchers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.conftest import Machine, chosen

pytestmark = pytest.mark.lab_only("the company is the lab's: firewall, private CA, intranet server and client")


def test_a_client_inside_accepts_the_companys_own_authority_without_vouchers(intranet_server: Machine) -> None:
    answer = _get(intranet_server)
    assert (answer["verdict"], answer["reason"], answer["vouchers"]) == ("accepted", None, [])


def test_without_its_responder_the_intranet_is_refused(intranet_server: Machine, private_authority: Machine) -> None:
    with _stopped(private_authority, "nginx"):
        intranet_server.run("systemctl restart nginx")  # it forgets what it stapled
        answer = _get(intranet_server)
    assert (answer["verdict"], answer["reason"]) == ("refused", "status-unavailable")
    assert _get(intranet_server)["verdict"] == "accepted"


def test_the_firewall_lets_nobody_in_who_knows_the_way(firewall: Machine, intranet_server: Machine) -> None:
    """A neighbour outside gives itself a route to the intranet by the firewall, and is answered nothing."""
    inside = intranet_server.run("hostname --all-ip-addresses").split()[0]
    by = firewall.run("ip -4 -o addr show").split("inet ")[-1].split("/")[0]
    neighbour = next(found for found in chosen("tls_server") if by.rpartition(".")[0] in str(found.told.addresses))
    assert neighbour.shell.run(f"ping -c 1 -W 2 {by}").rc == 0
    neighbour.run(f"ip route add {inside}/32 via {by}")
    try:
        assert neighbour.shell.run(f"ping -c 1 -W 2 {inside}").rc == 1
        assert neighbour.shell.run(f"curl --silent --max-time 3 --insecure https://{inside}/").rc == 28  # timed out
    finally:
        neighbour.run(f"ip route del {inside}/32")
    assert intranet_server.shell.run(f"ping -c 1 -W 2 {neighbour.told.addresses[0]}").rc == 0


def test_no_public_host_resolves_a_name_of_the_intranet(client: Machine, intranet_server: Machine) -> None:
    knows = client.shell.run(f"getent ahosts {intranet_server.told.site}").rc == 0
    assert knows == (client in _inside(intranet_server))


def _inside(server: Machine) -> list[Machine]:
    """Return the clients that the company's policy is given to."""
    network = _network(server)
    return [client for client in chosen("client") if _network(client) == network]


def _network(machine: Machine) -> str:
    return str(machine.run("ip -4 -o addr show scope global").split("inet ")[1].split("/")[0].rpartition(".")[0])


def _get(server: Machine) -> dict[str, Any]:
    [client] = _inside(server)
    answer: dict[str, Any] = json.loads(
        client.shell.run(f"mecai client get https://{server.told.site}/ --format json").stdout
    )
    return answer


@contextmanager
def _stopped(machine: Machine, unit: str) -> Iterator[None]:
    """Stop a unit, and start it again whatever comes."""
    machine.run(f"systemctl stop {unit}")
    try:
        yield
    finally:
        machine.run(f"systemctl start {unit}")
