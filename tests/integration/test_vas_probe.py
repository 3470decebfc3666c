"""The probe against real TLS servers: what it offers, what it sees, what it never sends."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.net.dial import Unreachable
from mecai.probing.corroborate import ProbeTarget, corroborate
from mecai.probing.handshake import MOST_OCTETS, HandshakeFailed, probe
from mecai.probing.offer import KeyType, Offer, offers_for
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from tests.integration.tls_server import TlsServer
from tests.patience import SECONDS, standing
from tests.pki import DAY, NOW, Hierarchy, Issued, Key, ca_extensions, issue, key, rsa_key
from tests.ports import free_port

LOOPBACK = address_octets("127.0.0.1")
NAME = "www.example.test"
ALDER = Hierarchy("alder")
SITE = ALDER.server(NAME)
P256 = Offer(KeyType.P256)
RSA_SITE = ALDER.server(NAME, server_key=rsa_key("www"), days=80)
OLD_SITE, OLDER_SITE = ALDER.server(NAME, days=70), ALDER.server(NAME, days=60)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def look(server: TlsServer, wanted: Issued = SITE, name: str | None = NAME) -> tuple[bytes, ...]:
    return probe(LOOPBACK, server.port, name, offers_for(wanted.chain)[0], Deadline(SECONDS))


def found_at(server: TlsServer, wanted: Issued) -> tuple[bytes, ...]:
    target = ProbeTarget((LOOPBACK,), server.port, NAME, offers_for(wanted.chain), wanted.chain_der)
    return corroborate(target, probe, Deadline(SECONDS)).addresses


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wanted", [SITE, RSA_SITE], ids=["ecdsa", "rsa"])
def test_the_server_shows_the_certificate_of_the_requested_key_type(version: ssl.TLSVersion, wanted: Issued) -> None:
    with TlsServer([SITE, RSA_SITE], version=version) as server:
        assert look(server, wanted) == wanted.chain_der


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wanted", [SITE, RSA_SITE], ids=["ecdsa", "rsa"])
@pytest.mark.parametrize(
    "others",
    [[], [[OLD_SITE]], [[OLD_SITE], [OLDER_SITE]], [[RSA_SITE, OLD_SITE], [OLDER_SITE]]],
    ids=["alone", "one other", "two others", "others of both kinds"],
)
def test_one_of_several_servers_behind_an_address_is_found(
    version: ssl.TLSVersion, wanted: Issued, others: list[list[Issued]]
) -> None:
    """They answer in turn; one that has no key of the wanted type has failed a handshake."""
    with TlsServer(*others, [SITE, RSA_SITE], version=version) as server:
        assert found_at(server, wanted) == (LOOPBACK,)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("others", "handshakes"),
    [([[OLD_SITE]], 2), ([[OLD_SITE], [OLDER_SITE]], 3), ([[OLD_SITE], [OLDER_SITE], [OLD_SITE]], 3)],
    ids=["one", "two", "two in turn"],
)
def test_another_certificate_is_believed_when_it_is_shown_again(
    version: ssl.TLSVersion, others: list[list[Issued]], handshakes: int
) -> None:
    with TlsServer(*others, version=version) as server:
        assert found_at(server, SITE) == ()
    assert len(server.history) == handshakes


def test_sni_is_sent_and_application_data_never() -> None:
    with TlsServer([SITE]) as server:
        look(server)
        look(server, name=None)
    assert [(met.server_name, met.data) for met in server.history] == [(NAME, b""), (None, b"")]


def test_ipv6() -> None:
    with TlsServer([SITE], address="::1") as server:
        chain = probe(address_octets("::1"), server.port, NAME, P256, Deadline(SECONDS))
    assert chain == SITE.chain_der


def test_a_server_without_a_key_of_that_type_fails_the_handshake() -> None:
    with TlsServer([SITE]) as server, pytest.raises(HandshakeFailed, match="alert handshake failure"):
        look(server, RSA_SITE)


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match="Connection refused"):
        probe(LOOPBACK, port, NAME, P256, Deadline(SECONDS))


def test_a_silent_server_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(HandshakeFailed, match="timed out"):
        probe(LOOPBACK, listener.getsockname()[1], NAME, P256, standing(0.05))


def test_a_server_that_drips_ends_at_the_deadline() -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripper = threading.Thread(target=_drip, args=(listener, ended))
        dripper.start()
        try:
            with pytest.raises(HandshakeFailed, match="timed out"):
                probe(LOOPBACK, listener.getsockname()[1], NAME, P256, standing(0.2))
        finally:
            ended.set()
            dripper.join()


def _drip(listener: socket.socket, ended: threading.Event) -> None:
    """Begin a handshake record of 16 KiB and send it octet by octet."""
    accepted, _ = listener.accept()
    with accepted, suppress(OSError):
        accepted.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
        while not ended.wait(0.001):
            accepted.sendall(b"\x00")


def test_a_server_that_sends_hello_requests_without_end_uses_up_its_octets_before_its_time() -> None:
    """OpenSSL skips them all inside one call, as long as they come; here they come for as long as it would wait."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        flooder = threading.Thread(target=_flood, args=(listener,))
        flooder.start()
        with pytest.raises(HandshakeFailed, match=f"more than {MOST_OCTETS} octets"):
            probe(LOOPBACK, listener.getsockname()[1], NAME, P256, Deadline(SECONDS))
        flooder.join()


def _flood(listener: socket.socket) -> None:
    """Send HelloRequest (RFC 5246 section 7.4.1.1) in records of one octet."""
    accepted, _ = listener.accept()
    hello_request = b"".join(b"\x16\x03\x03\x00\x01" + bytes([octet]) for octet in bytes(4))
    end = time.monotonic() + SECONDS
    with accepted, suppress(OSError):
        while time.monotonic() < end:
            accepted.sendall(hello_request * 1000)


def _ca(ca_key: Key) -> Issued:
    span = (NOW - DAY, NOW + 300 * DAY)
    root = issue("fir root", ca_key, None, ca_extensions(ca_key, None), span=span)
    return issue("fir issuing", ca_key, root, ca_extensions(ca_key, 0), span=span)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("server_key", [key("www"), rsa_key("www")], ids=["P-256", "RSA"])
@pytest.mark.parametrize("ca_key", [key("fir", ec.SECP384R1), rsa_key("fir")], ids=["under P-384", "under RSA"])
def test_a_server_that_shows_no_signature_beyond_what_is_offered(
    tmp_path: Path, version: str, server_key: Key, ca_key: Key
) -> None:
    """`-strict` holds the whole chain against `signature_algorithms`, as Java 17 does (RFC 5246 section 7.4.2)."""
    site = ALDER.server(NAME, server_key=server_key, parent=_ca(ca_key))
    (tmp_path / "site.pem").write_bytes(site.key_pem + site.chain_pem)
    files = ["-cert", "site.pem", "-key", "site.pem", "-cert_chain", "site.pem"]
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", *files, "-strict", version]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = next(int(line.rpartition(b":")[2]) for line in server.stdout if line.startswith(b"ACCEPT"))
            target = ProbeTarget((LOOPBACK,), port, NAME, offers_for(site.chain), site.chain_der)
            assert corroborate(target, probe, Deadline(SECONDS)).addresses == (LOOPBACK,)
        finally:
            server.terminate()


class _OfVersion19(Issued):
    """OpenSSL serves and takes such a certificate, the library that reads it does not."""

    @property
    def chain_pem(self) -> bytes:
        version_3, version_19 = bytes.fromhex("a003020102"), bytes.fromhex("a003020112")
        return ssl.DER_cert_to_PEM_cert(self.der.replace(version_3, version_19, 1)).encode()


def test_a_certificate_that_cannot_be_read_is_seen_as_it_is() -> None:
    odd = _OfVersion19(SITE.certificate, SITE.key, SITE.issuer)
    with TlsServer([odd]) as server:
        assert look(server) == (ssl.PEM_cert_to_DER_cert(odd.chain_pem.decode()),)


def test_a_server_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        greeter = threading.Thread(target=_greet, args=(listener,))
        greeter.start()
        with pytest.raises(HandshakeFailed, match="wrong version number"):
            probe(LOOPBACK, listener.getsockname()[1], NAME, P256, Deadline(SECONDS))
        greeter.join()


def _greet(listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with accepted, suppress(ConnectionError):
        accepted.sendall(b"220 mail.example.test ESMTP\r\n")
        accepted.recv(4096)
