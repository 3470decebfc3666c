"""A company's network: reached from inside alone, held to its own authority, and to fresh OCSP, without vouchers.

Its four cases are put to `mecai client get` and to a program that fetches by requests, on the same host.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.by_requests import Program, by_requests
from tests.lab.conftest import LAB, Machine, chosen

pytestmark = pytest.mark.lab_only("the company is the lab's: firewall, private CA, intranet server and client")


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    """Have a program that fetches by requests on the client inside."""
    [server] = chosen("intranet_server")
    [client] = _inside(server)
    with by_requests(client) as program:
        yield program


def test_a_client_inside_accepts_the_companys_own_authority_without_vouchers(
    intranet_server: Machine, program: Program
) -> None:
    answer = _get(intranet_server)
    assert (answer["verdict"], answer["reason"], answer["vouchers"]) == ("accepted", None, [])
    _require_page(program, intranet_server.told.site)


def test_without_its_responder_the_intranet_is_refused(
    intranet_server: Machine, private_authority: Machine, program: Program
) -> None:
    with _stopped(private_authority, "nginx"):
        intranet_server.run("systemctl restart nginx")  # it forgets what it stapled
        answer = _get(intranet_server)
        page, refusal = program.fetch(intranet_server.told.site)
    assert (answer["verdict"], answer["reason"]) == ("refused", "status-unavailable")
    assert (page, "status-unavailable" in refusal) == ("", True), refusal
    assert _get(intranet_server)["verdict"] == "accepted"
    _require_page(program, intranet_server.told.site)


def test_a_public_cas_certificate_with_vouchers_is_nobody_inside(
    client: Machine, intranet_server: Machine, program: Program
) -> None:
    """Outside, where nothing pins the name, curl believes it; inside the very same server is refused."""
    site = intranet_server.told.site
    _require_attacked(client)
    with _under_way("intranet-public-ca"):
        if client in _inside(intranet_server):
            answer = _get(intranet_server)
            assert (answer["verdict"], answer["reason"], answer["rule"]) == ("refused", "pin-mismatch", "M4")
            _require_unverified(program, site)
        else:
            assert "comes from the attacker" in client.run(f"curl --silent --show-error https://{site}/")
    assert _get(intranet_server)["verdict"] == "accepted"
    _require_page(program, site)


def test_the_private_ca_is_nobody_for_a_public_name(client: Machine, program: Program) -> None:
    """Neither inside, where it is trusted for the company's names, nor outside."""
    site = chosen("tls_server")[0].told.site
    _require_attacked(client)
    with _under_way("intranet-private-ca"):
        answer = _ask(client, site)
        assert (answer["verdict"], answer["reason"]) == ("refused", "certificate-invalid")
        assert client.shell.run(f"curl --silent https://{site}/").rc == 60  # the peer's certificate cannot be verified
        if client == program.client:
            _require_unverified(program, site)
    assert _ask(client, site)["verdict"] == "accepted"
    if client == program.client:
        _require_page(program, site)


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


def _require_attacked(client: Machine) -> None:
    """Skip clients whose resolver no scenario deceives: those outside, but the first."""
    inside = [found for server in chosen("intranet_server") for found in _inside(server)]
    if client not in (chosen("client")[0], *inside):
        pytest.skip("the attack is near another client")


def _require_page(program: Program, site: str) -> None:
    page, refusal = program.fetch(site)
    assert (f"<p>This is {site}, " in page, refusal) == (True, ""), page


def _require_unverified(program: Program, site: str) -> None:
    """Require that the site's chain ends at no CA that counts for its name: OpenSSL says so, before any verdict."""
    page, refusal = program.fetch(site)
    assert (page, "CERTIFICATE_VERIFY_FAILED" in refusal) == ("", True), refusal


def _inside(server: Machine) -> list[Machine]:
    """Return the clients that the company's policy is given to."""
    network = _network(server)
    return [client for client in chosen("client") if _network(client) == network]


def _network(machine: Machine) -> str:
    return str(machine.run("ip -4 -o addr show scope global").split("inet ")[1].split("/")[0].rpartition(".")[0])


def _get(server: Machine) -> dict[str, Any]:
    [client] = _inside(server)
    return _ask(client, server.told.site)


def _ask(client: Machine, site: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(client.shell.run(f"mecai client get https://{site}/ --format json").stdout)
    return answer


@contextmanager
def _under_way(scenario: str) -> Iterator[None]:
    """Have the testbed play a scenario's attack, and end it whatever comes."""
    _attack("start", scenario)
    try:
        yield
    finally:
        _attack("stop", "--all")


def _attack(*words: str) -> None:
    command = [str(Path(sys.executable).with_name("testbed")), "attack", *words, "--lab", LAB.id]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@contextmanager
def _stopped(machine: Machine, unit: str) -> Iterator[None]:
    """Stop a unit, and start it again whatever comes."""
    machine.run(f"systemctl stop {unit}")
    try:
        yield
    finally:
        machine.run(f"systemctl start {unit}")
