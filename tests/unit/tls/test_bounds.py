"""A server refuses more octets of certificates than its bound before it reads any of them."""

import ssl
from pathlib import Path

import pytest

from mecai.tls import UnsupportedRuntimeError, bound_certificates, bounds
from mecai.tls.library import SSL_CTRL_GET_MAX_CERT_LIST
from tests.pki import Hierarchy
from tests.unit.tls.memory import Pair, server_context

CA, STRANGER = Hierarchy("alder"), Hierarchy("somebody")
SHOWN = STRANGER.server("somebody.test")
# RFC 8446, 4.4.2: context and length of the list; each certificate with its length and that of its extensions.
OCTETS = 4 + sum(len(der) + 5 for der in SHOWN.chain_der)


def refusal(tmp_path: Path, bound: int) -> str:
    """Return why a server ends the handshake of a client whom it does not know."""
    file = tmp_path / "client.pem"
    file.write_bytes(SHOWN.key_pem + SHOWN.chain_pem)
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server_context(CA.server("www.example.test"))
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.load_cert_chain(file)
    server.verify_mode = ssl.CERT_REQUIRED
    bound_certificates(server, bound)
    pair = Pair(client, server)
    with pytest.raises(ssl.SSLError) as refused:
        pair.handshake()
    return str(refused.value.reason)


def test_what_is_within_the_bound_is_judged_and_more_is_not_read(tmp_path: Path) -> None:
    assert refusal(tmp_path, OCTETS) == "CERTIFICATE_VERIFY_FAILED"
    assert refusal(tmp_path, OCTETS - 1) == "EXCESSIVE_MESSAGE_SIZE"


def test_a_library_that_keeps_no_bound_is_none_to_go_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SSL_CTRL_SET_MAX_CERT_LIST", SSL_CTRL_GET_MAX_CERT_LIST)
    with pytest.raises(UnsupportedRuntimeError, match="takes no bound on certificates"):
        bound_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), 4096)
