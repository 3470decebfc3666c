"""What a hostile TLS server can have a probe compute: servers that choose what is dear, and what is done for them."""

import base64
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mecai.probing.handshake import MOST_OCTETS, HandshakeFailed, probe
from mecai.probing.offer import offers_for
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from tests.integration.tls_server import TlsServer
from tests.patience import SECONDS
from tests.pki import DAY, NOW, Hierarchy, Issued, ca_extensions, issue, key, rsa_key

LOOPBACK = address_octets("127.0.0.1")
NAME = "www.example.test"
ALDER = Hierarchy("alder")
SITE = ALDER.server(NAME)
RSA_SITE = ALDER.server(NAME, server_key=rsa_key("www"), days=80)
CHEAP = 0.05  # seconds of processor time: the handshake in DEAR_GROUP takes four times as long at least
# A group (PKCS #3): SEQUENCE of modulus, here 8192 bits that are no prime, and generator.
DEAR_GROUP = bytes.fromhex("30820408 02820401 00") + ((1 << 8191) + 12_345).to_bytes(1024) + bytes.fromhex("020102")


@contextmanager
def s_server(folder: Path, *options: str) -> Iterator[int]:
    """Run OpenSSL's server with RSA_SITE; its port."""
    (folder / "site.pem").write_bytes(RSA_SITE.key_pem + RSA_SITE.chain_pem)
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "site.pem", "-key", "site.pem", *options]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            yield next(int(line.rpartition(b":")[2]) for line in server.stdout if line.startswith(b"ACCEPT"))
        finally:
            server.terminate()


@pytest.mark.parametrize("turn", [0, 1], ids=["first offer", "second offer"])
def test_a_server_that_would_agree_on_a_key_in_a_group_of_8192_bits_is_refused_before_it_costs(
    tmp_path: Path, turn: int
) -> None:
    body = base64.encodebytes(DEAR_GROUP).decode()
    (tmp_path / "group.pem").write_text(f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
    offer = offers_for(RSA_SITE.chain)[turn]
    with s_server(tmp_path, "-tls1_2", "-cipher", "DHE", "-dhparam", "group.pem") as port:
        began = time.thread_time()
        with pytest.raises(HandshakeFailed, match=r"handshake failure; expected .* by ECDHE"):
            probe(LOOPBACK, port, NAME, offer, Deadline(SECONDS))
        assert time.thread_time() - began < CHEAP


@pytest.mark.parametrize("turn", [0, 1], ids=["first offer", "second offer"])
@pytest.mark.parametrize("group", ["ffdhe2048", "ffdhe8192"])
def test_nor_is_one_of_tls_1_3_offered(tmp_path: Path, group: str, turn: int) -> None:
    offer = offers_for(RSA_SITE.chain)[turn]
    with s_server(tmp_path, "-tls1_3", "-groups", group) as port, pytest.raises(HandshakeFailed, match="by ECDHE"):
        probe(LOOPBACK, port, NAME, offer, Deadline(SECONDS))


class _Among(Issued):
    """A certificate that its server shows among others."""

    others: tuple[Issued, ...] = ()

    @property
    def chain_pem(self) -> bytes:
        return self.pem + b"".join(other.pem for other in self.others)


def among(others: tuple[Issued, ...]) -> _Among:
    found = _Among(SITE.certificate, SITE.key, SITE.issuer)
    object.__setattr__(found, "others", others)
    return found


def test_no_key_is_read_of_more_certificates_than_a_server_may_send() -> None:
    many = (ALDER.issuing,) * (MOST_OCTETS // len(ALDER.issuing.der))
    with TlsServer([among(many)]) as server, pytest.raises(HandshakeFailed, match=f"more than {MOST_OCTETS} octets"):
        probe(LOOPBACK, server.port, NAME, offers_for(SITE.chain)[0], Deadline(SECONDS))


def test_no_path_is_looked_for_in_what_a_server_sends() -> None:
    """With one, the time grows with the square of the certificates: it was three times as long."""
    path, same = _issued_one_by_another(70), (ALDER.issuing,) * 70
    with TlsServer([among(path)]) as long, TlsServer([among(same)]) as unrelated:
        assert _seconds(long.port, 71) < 2 * _seconds(unrelated.port, 71)


def _issued_one_by_another(count: int) -> tuple[Issued, ...]:
    """Return a path below SITE's certificate: its issuer's name, and then each the issuer of the one before."""
    span, signing = (NOW - DAY, NOW + DAY), key("path")
    path = [issue("path 0", signing, None, ca_extensions(signing, None), span=span)]
    for number in range(1, count - 1):
        path.append(issue(f"path {number}", signing, path[-1], ca_extensions(signing, None), span=span))
    below = issue(ALDER.issuing.certificate.subject.rfc4514_string()[3:], ALDER.issuing.key, path[-1], [], span=span)
    return (below, *reversed(path))


def _seconds(port: int, shown: int) -> float:
    """Return the processor time of the cheapest of some handshakes with a server that shows so many certificates."""
    offer, taken = offers_for(SITE.chain)[0], []
    for _ in range(5):
        began = time.thread_time()
        assert len(probe(LOOPBACK, port, NAME, offer, Deadline(SECONDS))) == shown
        taken.append(time.thread_time() - began)
    return min(taken)
