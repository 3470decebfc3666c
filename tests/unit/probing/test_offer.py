"""What is offered to a server, for each key and chain, and which servers can serve it."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from mecai.probing.handshake import _context
from mecai.probing.offer import KeyType, Offer, offers_for
from tests.pki import DAY, NOW, Hierarchy, ca_extensions, issue, key, rsa_key

ALDER = Hierarchy("alder")
SITE = ALDER.server("www.example.test")
P384_CA = issue(
    "fir CA",
    key("fir", ec.SECP384R1),
    ALDER.root,
    ca_extensions(key("fir", ec.SECP384R1), 0),
    span=(NOW - DAY, NOW + DAY),
)


def test_the_first_offer_is_for_the_key_alone_and_the_second_for_all() -> None:
    below = ALDER.server("www.example.test", parent=P384_CA)
    assert offers_for(below.chain) == (
        Offer(KeyType.P256),
        Offer(KeyType.P256, ("ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256"), hybrid=True),
    )
    of_rsa = ALDER.server("www.example.test", server_key=rsa_key("www"))
    assert [each.key_type for each in offers_for(of_rsa.chain)] == [KeyType.RSA, KeyType.RSA]


@pytest.mark.parametrize(
    ("groups", "served"),
    [
        (b"X25519", [True, True]),
        (b"secp256r1", [True, True]),
        (b"secp384r1", [True, True]),
        (b"secp521r1", [True, True]),
        (b"X448:ffdhe2048:ffdhe3072", [False, False]),
        (b"X25519MLKEM768", [False, True]),
        (b"X25519MLKEM768:X25519", [True, True]),
    ],
)
def test_servers_of_elliptic_curves_can_serve_one_of_them(groups: bytes, served: Sequence[bool]) -> None:
    assert [_is_served(offer, groups) for offer in offers_for(SITE.chain)] == served


def _is_served(offer: Offer, groups: bytes) -> bool:
    """Shake hands in memory with a server that agrees on keys in these groups alone."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(SITE.certificate)
    context.use_privatekey(SITE.key)
    assert Binding.lib.SSL_CTX_set1_curves_list(context._context, groups) == 1
    server, client = SSL.Connection(context), SSL.Connection(_context(offer))
    server.set_accept_state()
    client.set_connect_state()
    try:
        for _ in range(4):
            _advance(client, server)
            _advance(server, client)
    except SSL.Error:
        return False
    return bool(client.get_finished() and server.get_peer_finished())


def _advance(one: SSL.Connection, other: SSL.Connection) -> None:
    with suppress(SSL.WantReadError):
        one.do_handshake()
    with suppress(SSL.WantReadError):
        other.bio_write(one.bio_read(1 << 16))
