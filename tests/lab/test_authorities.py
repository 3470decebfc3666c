"""Every authority does what it is for: its responder answers, its VAS is ready, vouches, and refuses what it must."""

import base64
import json

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, spki_der
from tests.lab.conftest import SITE, Machine

PUBLIC = "/var/lib/mecai-ca-public"
REQUEST_TYPE = "application/mecai-voucher-request"
# Every row of the VAS's database: what a refused request must not change.
COUNT_ROWS = """
import sqlite3
base = sqlite3.connect("file:/var/lib/mecai-vas/vas.sqlite?mode=ro", uri=True)
tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
print(sum(base.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables))
"""


def test_openssl_accepts_the_issuing_cas_ocsp_answer_with_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "issuing", f"/etc/ssl/certs/vas.{authority.name}.test.pem")


def test_openssl_accepts_the_roots_ocsp_answer_without_a_nonce(authority: Machine) -> None:
    _ask_ocsp(authority, "root", "/var/lib/mecai-vas/certificate.pem", "-no_nonce")


def test_vas_is_ready(authority: Machine) -> None:
    assert _vas(authority, "/readyz")["status"] == "ready"


def test_vas_says_which_authority_it_is(authority: Machine) -> None:
    root = x509.load_pem_x509_certificate(authority.shell.file(f"{PUBLIC}/root.pem").content)
    assert _vas(authority, "/v1/authority")["authority"] == authority_id(spki_der(root)).hex()


def test_malformed_request_gets_a_problem_document_and_changes_nothing(authority: Machine) -> None:
    before = authority.run("python3 -c %s", COUNT_ROWS)
    status, kind, body = _post(authority, authority, b"\x30\x03\x02\x01\x01")
    assert (status, kind) == ("400", "application/problem+json")
    assert json.loads(body)["type"].endswith("/malformed")
    assert authority.run("python3 -c %s", COUNT_ROWS) == before


def test_vas_vouches_for_the_site(other_authority: Machine, tls_server: Machine) -> None:
    request = _site_request(tls_server)
    status, kind, body = _post(tls_server, other_authority, request.encode())
    assert (status, kind) == ("200", "application/mecai-voucher")
    info = parse_voucher(body).info
    assert info.certificate_hash == certificate_hash(request.certificate)
    assert set(info.addresses) == set(request.addresses)
    assert info.trust_contexts == ("MOZ",)


def test_vas_of_the_issuer_does_not_vouch_for_it(issuer: Machine, tls_server: Machine) -> None:
    status, kind, body = _post(tls_server, issuer, _site_request(tls_server).encode())
    assert (status, kind) == ("403", "application/problem+json")
    assert json.loads(body)["type"].endswith("/untrusted")


def _site_request(tls_server: Machine) -> VoucherRequest:
    """Return what the site's sidecar asks."""
    chain = x509.load_pem_x509_certificates(tls_server.shell.file(f"/etc/ssl/certs/{SITE}.pem").content)
    end_entity, *intermediates = (certificate.public_bytes(Encoding.DER) for certificate in chain)
    return VoucherRequest(end_entity, tuple(intermediates), tuple(map(address_octets, tls_server.addresses)), 443)


def _ask_ocsp(authority: Machine, issuer: str, certificate: str, *options: str) -> None:
    files = f"-issuer {PUBLIC}/{issuer}.pem -cert {certificate} -CAfile {PUBLIC}/root.pem"
    answer = authority.shell.run(f"openssl ocsp {files} -url http://ocsp.{authority.name}.test {' '.join(options)}")
    assert answer.rc == 0, answer.stderr
    assert f"{certificate}: good" in answer.stdout
    assert "Response verify OK" in answer.stderr


def _vas(authority: Machine, path: str) -> dict[str, str]:
    """Get a JSON document from an authority's VAS, asked on its own host."""
    text = authority.run(f"curl --fail --silent --cacert {PUBLIC}/root.pem https://vas.{authority.name}.test{path}")
    document: dict[str, str] = json.loads(text)
    return document


def _post(sender: Machine, authority: Machine, request: bytes) -> tuple[str, str, bytes]:
    """Post to an authority's VAS; returns status, content type and body."""
    root = authority.shell.file(f"{PUBLIC}/root.pem").content_string
    script = (
        f"curl --silent --cacert <(echo {_quoted(root)} | base64 -d) --header 'Content-Type: {REQUEST_TYPE}' "
        f"--data-binary @<(echo {_quoted(request)} | base64 -d) --output >(base64 --wrap=0) "
        f"--write-out '%{{http_code}} %{{content_type}} ' https://vas.{authority.name}.test/v1/vouchers"
    )
    status, kind, body = sender.run("bash -c %s", script).split(" ", 2)
    return status, kind, base64.b64decode(body)


def _quoted(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
