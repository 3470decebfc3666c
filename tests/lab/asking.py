"""What tests ask of a running authority: its VAS over HTTPS from any host, its database on its own host."""

import base64
import json

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from tests.lab.conftest import Machine

REQUEST_TYPE = "application/mecai-voucher-request"
VOUCHERS = "/v1/vouchers"
# Runs on a host, in its own Python: curl is not everywhere.
ASK = """
import base64, json, socket, ssl, sys, urllib.error, urllib.request
root, url, request, kind, at = json.loads(sys.argv[1])
if at:
    resolve = socket.getaddrinfo
    socket.getaddrinfo = lambda _, *options, **more: resolve(at, *options, **more)
asked = urllib.request.Request(url, base64.b64decode(request) or None, {"Content-Type": kind})
try:
    answer = urllib.request.urlopen(asked, timeout=60, context=ssl.create_default_context(cadata=root))
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.headers["Content-Type"], base64.b64encode(answer.read()).decode()]))
"""
# As the user of the server, whose database it is.
QUERY = "runuser -u mecai-vas -- psql --no-psqlrc --tuples-only --no-align --dbname=mecai-vas --command=%s"


def ask(  # noqa: PLR0917 - what a request is made of
    sender: Machine, authority: Machine, path: str, request: bytes | None = None, kind: str = REQUEST_TYPE, at: str = ""
) -> tuple[int, str, bytes]:
    """Ask an authority's VAS from a host, under the authority's root alone; returns status, content type and body.

    `at` is the address, or the own name, of the node that is to be asked, wherever the VAS's name leads.
    """
    root = authority.shell.file("/var/lib/mecai-ca-public/root.pem").content_string
    words = [root, f"https://{authority.told.vas}{path}", base64.b64encode(request or b"").decode(), kind, at]
    answer = sender.run("python3 -c %s %s", ASK, json.dumps(words))
    status, answered, body = json.loads(answer)
    return status, answered, base64.b64decode(body)


def site_request(tls_server: Machine) -> VoucherRequest:
    """Return what the site's sidecar asks."""
    chain = x509.load_pem_x509_certificates(tls_server.shell.file(f"/etc/ssl/certs/{tls_server.told.site}.pem").content)
    end_entity, *intermediates = (certificate.public_bytes(Encoding.DER) for certificate in chain)
    return VoucherRequest(end_entity, tuple(intermediates), tuple(map(address_octets, tls_server.told.addresses)), 443)


def query(database: Machine, statement: str) -> str:
    """Ask PostgreSQL on a host, by its own program, for one value."""
    return database.run(QUERY, statement).strip()
