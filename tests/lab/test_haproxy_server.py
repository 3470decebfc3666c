"""HAProxy staples live OCSP by itself, and has its vouchers by nginx in front of it."""

import re
from typing import Final

import pytest

from tests.lab.conftest import Machine, others
from tests.lab.verdicts import asked

# Its worker, which a reload ends.
WORKER: Final = "echo 'show info' | socat - UNIX-CONNECT:/run/haproxy/admin.sock | grep '^Pid: '"
GOOD_STAPLE: Final = re.compile(
    r"OCSP Response Status: successful \(0x0\)$.*Cert Status: good$", re.DOTALL | re.MULTILINE
)
# No two responses with nonces have the same.
SIGNATURE: Final = re.compile(r"Signature Value:\s*((?:[0-9a-f]{2}:?\s*)+)")
STRICT: Final = 2  # vouchers
# Asks the responder for a response of its own (with a nonce), and puts it where the sidecar keeps that of hours before.
FETCH: Final = """set -e
folder=$(mktemp --directory)
sed '1,/-----END/d' "$1" >$folder/issuer.pem
url=$(openssl x509 -in "$1" -noout -ocsp_uri)
openssl ocsp -issuer $folder/issuer.pem -cert "$1" -url "$url" -noverify -respout $folder/response >/dev/null
cat $folder/response >"$(ls /var/lib/mecai-sidecar/staples/*/ocsp.der)"
rm -r $folder
systemctl start mecai-export-haproxy"""


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_client_that_demands_vouchers_accepts(client: Machine, haproxy_server: Machine, profile: str) -> None:
    if (found := len(others(haproxy_server))) < STRICT:
        pytest.skip(f"two must vouch for the strict client, there is {found}")
    answer = asked(client, haproxy_server.told.site, f"--profile {profile}")
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    assert len(answer["vouchers"]) == {"default": 1, "strict": STRICT}[profile]


@pytest.mark.parametrize("port", [443, 8443])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_is_stapled_the_ocsp_response(
    client: Machine, haproxy_server: Machine, port: int, version: str
) -> None:
    assert GOOD_STAPLE.search(_handshake(client, haproxy_server, port, version))


@pytest.mark.lab_only("curl, trust in the CAs and the page are the lab's")
@pytest.mark.parametrize("port", [443, 8443])
def test_client_that_knows_nothing_of_vouchers_connects_as_ever(
    client: Machine, haproxy_server: Machine, port: int
) -> None:
    site = haproxy_server.told.site
    for family in ("--ipv4", "--ipv6"):
        assert f"This is {site}, the real one." in client.run(f"curl --fail --silent {family} https://{site}:{port}/")


def test_haproxy_alone_has_no_vouchers_and_is_refused(client: Machine, haproxy_server: Machine) -> None:
    answer = asked(client, f"{haproxy_server.told.site}:8443")
    assert (answer["verdict"], answer["reason"]) == ("refused", "no-voucher")


def test_a_new_response_is_stapled_by_the_haproxy_that_runs(client: Machine, haproxy_server: Machine) -> None:
    before, worker = _signature(client, haproxy_server), haproxy_server.run(WORKER)
    haproxy_server.run("sh -c %s sh %s", FETCH, f"/etc/haproxy/tls/{haproxy_server.told.site}.pem")
    assert _signature(client, haproxy_server) != before
    assert haproxy_server.run(WORKER) == worker


def _signature(client: Machine, server: Machine) -> str:
    found = SIGNATURE.search(_handshake(client, server, 8443, "-tls1_3"))
    assert found
    return found[1]


def _handshake(client: Machine, server: Machine, port: int, version: str) -> str:
    connect = f"-connect {server.told.site}:{port} -servername {server.told.site} -status {version}"
    return client.run(f"openssl s_client {connect} </dev/null 2>&1")
