"""Every authority does what it is for: its responder answers, its VAS is ready, vouches, and refuses what it must."""

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, spki_der
from tests.lab.conftest import Machine

PUBLIC = "/var/lib/mecai-ca-public"
REQUEST_TYPE = "application/mecai-voucher-request"
VOUCHERS = "/v1/vouchers"
MALFORMED = b"\x30\x03\x02\x01\x01"
# Runs on a host, in its own Python: curl is not everywhere.
ASK = """
import base64, json, ssl, sys, urllib.error, urllib.request
root, url, request, kind = json.loads(sys.argv[1])
asked = urllib.request.Request(url, base64.b64decode(request) or None, {"Content-Type": kind})
try:
    answer = urllib.request.urlopen(asked, timeout=60, context=ssl.create_default_context(cadata=root))
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.headers["Content-Type"], base64.b64encode(answer.read()).decode()]))
"""
# Every row of the VAS's database: what a refused request must not change.
COUNT_ROWS = """
import sqlite3
base = sqlite3.connect("file:/var/lib/mecai-vas/vas.sqlite?mode=ro", uri=True)
tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
print(sum(base.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables))
"""


def test_openssl_accepts_the_issuing_cas_ocsp_answer_with_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "issuing", f"/etc/ssl/certs/{authority.told.vas}.pem")


def test_openssl_accepts_the_roots_ocsp_answer_without_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "root", "/var/lib/mecai-vas/certificate.pem", "-no_nonce")


def test_vas_is_ready(authority: Machine) -> None:
    status, _, body = _ask(authority, authority, "/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ready")


def test_vas_says_which_authority_it_is(authority: Machine) -> None:
    root = x509.load_pem_x509_certificate(authority.shell.file(f"{PUBLIC}/root.pem").content)
    _, _, body = _ask(authority, authority, "/v1/authority")
    assert json.loads(body)["authority"] == authority_id(spki_der(root)).hex()


def test_malformed_request_gets_a_problem_document(authority: Machine) -> None:
    status, kind, body = _ask(authority, authority, VOUCHERS, MALFORMED)
    assert (status, kind) == (400, "application/problem+json")
    assert json.loads(body)["type"].endswith("/malformed")


@pytest.mark.lab_only("an own VAS has other requests, and perhaps another database")
def test_malformed_request_changes_nothing(authority: Machine) -> None:
    before = authority.run("python3 -c %s", COUNT_ROWS)
    _ask(authority, authority, VOUCHERS, MALFORMED)
    assert authority.run("python3 -c %s", COUNT_ROWS) == before


def test_vas_vouches_for_the_site(other_authority: Machine, tls_server: Machine) -> None:
    request = _site_request(tls_server)
    status, kind, body = _ask(tls_server, other_authority, VOUCHERS, request.encode())
    assert (status, kind) == (200, "application/mecai-voucher")
    info = parse_voucher(body).info
    assert info.certificate_hash == certificate_hash(request.certificate)
    assert set(info.addresses) == set(request.addresses)
    assert info.trust_contexts == other_authority.told.contexts


def test_vas_of_the_issuer_does_not_vouch_for_it(issuer: Machine, tls_server: Machine) -> None:
    status, kind, body = _ask(tls_server, issuer, VOUCHERS, _site_request(tls_server).encode())
    assert (status, kind) == (403, "application/problem+json")
    assert json.loads(body)["type"].endswith("/untrusted")


def _site_request(tls_server: Machine) -> VoucherRequest:
    """Return what the site's sidecar asks."""
    chain = x509.load_pem_x509_certificates(tls_server.shell.file(f"/etc/ssl/certs/{tls_server.told.site}.pem").content)
    end_entity, *intermediates = (certificate.public_bytes(Encoding.DER) for certificate in chain)
    return VoucherRequest(end_entity, tuple(intermediates), tuple(map(address_octets, tls_server.told.addresses)), 443)


def _ask_ocsp(authority: Machine, issuer: str, certificate: str, *options: str) -> None:
    files = f"-issuer {PUBLIC}/{issuer}.pem -cert {certificate} -CAfile {PUBLIC}/root.pem"
    answer = authority.shell.run(f"openssl ocsp {files} -url http://{authority.told.ocsp} {' '.join(options)}")
    assert answer.rc == 0, answer.stderr
    assert f"{certificate}: good" in answer.stdout
    assert "Response verify OK" in answer.stderr


def _ask(sender: Machine, authority: Machine, path: str, request: bytes | None = None) -> tuple[int, str, bytes]:
    """Ask an authority's VAS from a host, under the authority's root alone; returns status, content type and body."""
    root = authority.shell.file(f"{PUBLIC}/root.pem").content_string
    words = [root, f"https://{authority.told.vas}{path}", base64.b64encode(request or b"").decode(), REQUEST_TYPE]
    answer = sender.run("python3 -c %s %s", ASK, json.dumps(words))
    status, kind, body = json.loads(answer)
    return status, kind, base64.b64decode(body)
