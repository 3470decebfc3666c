"""The web site staples vouchers and status, for those who ask, and is an ordinary site for all others."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from mecai.protocol.pki.identity import authority_id, spki_der
from testbed.machine.waiting import until
from tests.lab.conftest import Machine, chosen, issuers, others

OpenSsl = Callable[..., subprocess.CompletedProcess[bytes]]
STAPLES = "/var/lib/mecai-sidecar/staples"
STRICT_CANDIDATES = 4
# Runs on a host, in its own Python: curl is not everywhere.
REDIRECT = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=20)
connection.request("GET", "/page")
answer = connection.getresponse()
print(answer.status, answer.getheader("Location"), end="")
"""
GOOD_STAPLE = re.compile(r"OCSP Response Status: successful \(0x0\)$.*Cert Status: good$", re.DOTALL | re.MULTILINE)
SECONDS = 60  # until nginx has asked a responder
VOUCHER_SIZE = 2400  # octets, for P-256 keys


def test_there_is_a_voucher_of_every_other_owners_authority(tls_server: Machine) -> None:
    found = set(_vouchers(tls_server))
    assert {_id(authority) for authority in others(tls_server)} <= found
    assert not found.intersection(_id(authority) for authority in issuers(tls_server))


def test_openssl_verifies_every_voucher(tls_server: Machine, openssl: OpenSsl, tmp_path: Path) -> None:
    paths = _vouchers(tls_server)
    for authority in others(tls_server):
        voucher = tls_server.shell.file(paths[_id(authority)]).content
        assert len(voucher) <= VOUCHER_SIZE
        (tmp_path / "voucher").write_bytes(voucher)
        (tmp_path / "root.pem").write_bytes(_root(authority))
        command = "cms -verify -purpose any -inform DER -in voucher -CAfile root.pem -out content"
        answer = openssl(*command.split())
        assert answer.returncode == 0, answer.stderr


def test_staples_are_readable_by_the_server_and_writable_by_the_sidecar_only(tls_server: Machine) -> None:
    listing = tls_server.run(f"find {STAPLES} -printf '%y %m %u\n'").split("\n")
    assert set(listing) == {"d 755 mecai-sidecar", "f 644 mecai-sidecar"}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_server_staples_the_ocsp_response(client: Machine, tls_server: Machine, version: str) -> None:
    site = tls_server.told.site
    ask = f"openssl s_client -connect {site}:443 -servername {site} -status {version} </dev/null 2>&1"
    # nginx by itself has none for the first connection of each of its workers.
    if "stock_server" in tls_server.roles:
        until(lambda: GOOD_STAPLE.search(client.run(ask)), SECONDS, lambda: f"{site} staples no OCSP response")
    else:
        assert GOOD_STAPLE.search(client.run(ask))


@pytest.mark.lab_only("curl, trust in the CAs and the page are the lab's")
@pytest.mark.parametrize("family", ["--ipv4", "--ipv6"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_client_that_knows_nothing_of_vouchers_connects_as_ever(
    client: Machine, tls_server: Machine, family: str, version: str
) -> None:
    site = tls_server.told.site
    page = client.run(f"curl --fail --silent --show-error {family} --tlsv{version} --tls-max {version} https://{site}/")
    assert f"This is {site}, the real one." in page


def test_http_leads_to_https(client: Machine, tls_server: Machine) -> None:
    site = tls_server.told.site
    assert client.run("python3 -c %s %s", REDIRECT, site) == f"301 https://{site}/page"


def test_client_that_demands_vouchers_accepts(client: Machine, tls_server: Machine) -> None:
    answer = json.loads(client.run(f"mecai client get https://{tls_server.told.site}/ --format json"))
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    vouched = {voucher["authority"] for voucher in answer["vouchers"]}
    assert vouched
    assert not vouched.intersection(_id(authority) for authority in issuers(_answering(answer["address"], tls_server)))


def _answering(address: str, asked: Machine) -> Machine:
    """Return the server at an address: of several with one name another may have answered than was looked at."""
    return next((server for server in chosen("tls_server") if address in server.told.addresses), asked)


def test_two_authorities_vouch_for_the_strict_client(client: Machine, tls_server: Machine) -> None:
    if (found := len(chosen("authority"))) < STRICT_CANDIDATES:
        pytest.skip(f"it names {STRICT_CANDIDATES} authorities, there are {found}")
    answer = json.loads(client.run(f"mecai client check {tls_server.told.site} --profile strict --format json"))
    assert answer["verdict"] == "accepted"
    assert len({voucher["authority"] for voucher in answer["vouchers"]}) >= 2


@cache
def _root(authority: Machine) -> bytes:
    """Return the root of an authority (PEM)."""
    content: bytes = authority.shell.file("/var/lib/mecai-ca-public/root.pem").content
    return content


def _id(authority: Machine) -> str:
    """Return the VA id of an authority."""
    return authority_id(spki_der(x509.load_pem_x509_certificate(_root(authority)))).hex()


def _vouchers(tls_server: Machine) -> dict[str, str]:
    """Return the path of each voucher of the site's certificate under the VA id that its name gives."""
    folder = f"$(openssl x509 -in /etc/ssl/certs/{tls_server.told.site}.pem -outform DER | sha256sum | cut -c -64)"
    paths = tls_server.run(f"find {STAPLES}/{folder} -name '*.voucher'").split()
    return {Path(path).stem: path for path in paths}
