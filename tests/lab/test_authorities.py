"""Every authority does what it is for: its responder answers, its VAS is ready, vouches, and refuses what it must."""

import json

import pytest
from cryptography import x509

from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der
from tests.lab.asking import VOUCHERS, ask, query, site_request
from tests.lab.conftest import Machine

PUBLIC = "/var/lib/mecai-ca-public"
MALFORMED = b"\x30\x03\x02\x01\x01"
# Every row of the VAS's database: what a refused request must not change.
COUNT_IN_A_FILE = """
import sqlite3
base = sqlite3.connect("file:/var/lib/mecai-vas/vas.sqlite?mode=ro", uri=True)
tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
print(sum(base.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables))
"""
COUNT_ON_A_SERVER = """
SELECT sum((xpath('//count/text()', counted))[1]::text::int)
FROM pg_tables, query_to_xml(format('SELECT count(*) FROM %I', tablename), false, true, '') AS counted
WHERE schemaname = 'public'
"""


def test_openssl_accepts_the_issuing_cas_ocsp_answer_with_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "issuing", f"/etc/ssl/certs/{authority.told.vas}.pem")


def test_openssl_accepts_the_roots_ocsp_answer_without_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "root", "/var/lib/mecai-vas-signer/certificate.pem", "-no_nonce")


def test_vas_is_ready(authority: Machine) -> None:
    status, _, body = ask(authority, authority, "/readyz", at="localhost")
    assert (status, json.loads(body)["status"]) == (200, "ready")


def test_vas_says_which_authority_it_is(authority: Machine) -> None:
    root = x509.load_pem_x509_certificate(authority.shell.file(f"{PUBLIC}/root.pem").content)
    _, _, body = ask(authority, authority, "/v1/authority")
    assert json.loads(body)["authority"] == authority_id(spki_der(root)).hex()


def test_vas_fetched_the_directory_of_every_context_that_has_a_url(authority: Machine) -> None:
    """Over HTTPS, from its publisher; the last fetch did not fail."""
    listed = json.loads(authority.run("runuser -u mecai-vas -- mecai vas context list --format json"))
    found = {each["url"]: (bool(each["fetched"]), each["failure"], each["fault"]) for each in listed if each["url"]}
    assert found == dict.fromkeys(authority.told.fetched, (True, None, None))


def test_malformed_request_gets_a_problem_document(authority: Machine) -> None:
    status, kind, body = ask(authority, authority, VOUCHERS, MALFORMED)
    assert (status, kind) == (400, "application/problem+json")
    assert json.loads(body)["type"].endswith("/malformed")


@pytest.mark.lab_only("an own VAS has other requests, and perhaps another database")
def test_malformed_request_changes_nothing(authority: Machine) -> None:
    before = _count_rows(authority)
    ask(authority, authority, VOUCHERS, MALFORMED)
    assert _count_rows(authority) == before


def test_vas_vouches_for_the_site(other_authority: Machine, tls_server: Machine) -> None:
    request = site_request(tls_server)
    status, kind, body = ask(tls_server, other_authority, VOUCHERS, request.encode())
    assert (status, kind) == (200, "application/mecai-voucher")
    info = parse_voucher(body).info
    assert info.certificate_hash == certificate_hash(request.certificate)
    assert set(info.addresses) == set(request.addresses)
    assert info.trust_contexts == other_authority.told.contexts


def test_vas_of_the_issuer_does_not_vouch_for_it(issuer: Machine, tls_server: Machine) -> None:
    status, kind, body = ask(tls_server, issuer, VOUCHERS, site_request(tls_server).encode())
    assert (status, kind) == (403, "application/problem+json")
    assert json.loads(body)["type"].endswith("/untrusted")


def _count_rows(authority: Machine) -> int:
    if "database" in authority.roles:
        return int(query(authority, COUNT_ON_A_SERVER))
    return int(authority.run("python3 -c %s", COUNT_IN_A_FILE))


def _ask_ocsp(authority: Machine, issuer: str, certificate: str, *options: str) -> None:
    files = f"-issuer {PUBLIC}/{issuer}.pem -cert {certificate} -CAfile {PUBLIC}/root.pem"
    answer = authority.shell.run(f"openssl ocsp {files} -url http://{authority.told.ocsp} {' '.join(options)}")
    assert answer.rc == 0, answer.stderr
    assert f"{certificate}: good" in answer.stdout
    assert "Response verify OK" in answer.stderr
