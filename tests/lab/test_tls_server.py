"""The web site staples vouchers and status, for those who ask, and is an ordinary site for all others."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from mecai.protocol.pki.identity import authority_id, spki_der
from tests.lab.conftest import SITE, Machine, chosen

OpenSsl = Callable[..., subprocess.CompletedProcess[bytes]]
STAPLES = "/var/lib/mecai-sidecar/staples"
VOUCHER_SIZE = 2400  # octets, for P-256 keys


def test_there_is_a_voucher_of_every_other_authority(tls_server: Machine, roots: dict[str, bytes]) -> None:
    assert set(_vouchers(tls_server)) == set(list(roots)[1:])  # the first authority issued the certificate


def test_openssl_verifies_every_voucher(
    tls_server: Machine, roots: dict[str, bytes], openssl: OpenSsl, tmp_path: Path
) -> None:
    for authority, path in _vouchers(tls_server).items():
        voucher = tls_server.shell.file(path).content
        assert len(voucher) <= VOUCHER_SIZE
        (tmp_path / "voucher").write_bytes(voucher)
        (tmp_path / "root.pem").write_bytes(roots[authority])
        command = "cms -verify -purpose any -inform DER -in voucher -CAfile root.pem -out content"
        answer = openssl(*command.split())
        assert answer.returncode == 0, answer.stderr


def test_staples_are_readable_by_the_server_and_writable_by_the_sidecar_only(tls_server: Machine) -> None:
    listing = tls_server.run(f"find {STAPLES} -printf '%y %m %u\n'").split("\n")
    assert set(listing) == {"d 755 mecai-sidecar", "f 644 mecai-sidecar"}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_server_staples_the_ocsp_response(client: Machine, version: str) -> None:
    handshake = client.run(f"openssl s_client -connect {SITE}:443 -servername {SITE} -status {version} </dev/null 2>&1")
    assert "OCSP Response Status: successful (0x0)" in handshake
    assert "Cert Status: good" in handshake


@pytest.mark.parametrize("family", ["--ipv4", "--ipv6"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_client_that_knows_nothing_of_vouchers_connects_as_ever(client: Machine, family: str, version: str) -> None:
    page = client.run(f"curl --fail --silent --show-error {family} --tlsv{version} --tls-max {version} https://{SITE}/")
    assert f"This is {SITE}, the real one." in page


def test_http_leads_to_https(client: Machine) -> None:
    wanted = "%{http_code} %{redirect_url}"
    place = client.run(f"curl --silent --output /dev/null --write-out '{wanted}' http://{SITE}/page")
    assert place == f"301 https://{SITE}/page"


def test_client_that_demands_vouchers_accepts(client: Machine, roots: dict[str, bytes]) -> None:
    answer = json.loads(client.run(f"mecai client get https://{SITE}/ --format json"))
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    assert {voucher["authority"] for voucher in answer["vouchers"]} < set(roots)


def test_two_authorities_vouch_for_the_strict_client(client: Machine) -> None:
    answer = json.loads(client.run(f"mecai client check {SITE} --profile strict --format json"))
    assert answer["verdict"] == "accepted"
    assert len({voucher["authority"] for voucher in answer["vouchers"]}) >= 2


@pytest.fixture(scope="module")
def roots() -> dict[str, bytes]:
    """Return the root of each authority (PEM) under its VA id."""
    pems = [machine.shell.file("/var/lib/mecai-ca-public/root.pem").content for machine in chosen("authority")]
    return {authority_id(spki_der(x509.load_pem_x509_certificate(pem))).hex(): pem for pem in pems}


def _vouchers(tls_server: Machine) -> dict[str, str]:
    """Return the path of each voucher under the VA id that its name gives."""
    paths = tls_server.run(f"find {STAPLES} -name '*.voucher'").split()
    return {Path(path).stem: path for path in paths}
