"""A service in Python staples by itself what its sidecar keeps, with neither privilege nor network of its own."""

from typing import Final

import pytest

from tests.lab.conftest import Machine, chosen, others
from tests.lab.verdicts import asked, await_verdict

STAPLES: Final = "/var/lib/mecai-sidecar/staples"
STRICT: Final = 2  # vouchers


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_client_that_demands_vouchers_accepts(client: Machine, python_server: Machine, profile: str) -> None:
    if (found := len(others(python_server))) < STRICT:
        pytest.skip(f"two must vouch for the strict client, there is {found}")
    answer = asked(client, python_server.told.site, f"--profile {profile}")
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    assert len(answer["vouchers"]) == {"default": 1, "strict": STRICT}[profile]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_is_stapled_the_ocsp_response(client: Machine, python_server: Machine, version: str) -> None:
    site = python_server.told.site
    handshake = client.run(f"openssl s_client -connect {site}:443 -servername {site} -status {version} </dev/null 2>&1")
    assert "OCSP Response Status: successful (0x0)" in handshake
    assert "Cert Status: good" in handshake


@pytest.mark.lab_only("curl, trust in the CAs and the page are the lab's")
def test_client_that_knows_nothing_of_vouchers_connects_as_ever(client: Machine, python_server: Machine) -> None:
    site = python_server.told.site
    for family in ("--ipv4", "--ipv6"):
        assert f"This is {site}, the real one." in client.run(f"curl --fail --silent {family} https://{site}/")


def test_without_vouchers_clients_refuse_and_what_comes_back_is_served_by_the_same_process(
    python_server: Machine,
) -> None:
    """As where its sidecar was kept from every authority; curl believes it all the same."""
    site, client = python_server.told.site, chosen("client")[0]
    before = python_server.run("systemctl show --property=MainPID --property=NRestarts mecai-site")
    python_server.run(f"systemctl stop mecai-sidecar && mv {STAPLES} {STAPLES}.away")
    try:
        await_verdict(client, site, "refused", "no-voucher")
        client.run(f"curl --fail --silent https://{site}/")
    finally:
        python_server.run(f"mv {STAPLES}.away {STAPLES} && systemctl start mecai-sidecar")
    await_verdict(client, site, "accepted")
    assert python_server.run("systemctl show --property=MainPID --property=NRestarts mecai-site") == before


def test_who_takes_it_over_begins_no_connection(python_server: Machine) -> None:
    process = python_server.run("systemctl show --property=MainPID --value mecai-site").strip()
    addresses = python_server.run(f"nsenter --target {process} --net ip -brief address show up")
    assert addresses.strip() in {"", "lo               UNKNOWN        127.0.0.1/8 ::1/128"}
