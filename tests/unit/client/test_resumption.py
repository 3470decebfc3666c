"""No session is resumed (docs/spec, T8): none is offered, none is kept, and one that a program brings is refused."""

import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mecai.client import Refused, VoucherContext, VoucherObject, peer
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from tests.unit.client.test_context import client, server, vouching, world
from tests.unit.tls.memory import Pair

SESSION_TICKET = 35  # RFC 5077
PRE_SHARED_KEY = 41  # RFC 8446, 4.2.11
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def hello(context: ssl.SSLContext) -> bytes:
    """Return the record with the ClientHello that a context sends."""
    pair = Pair(context, server(None))
    with peer("127.0.0.1"), pytest.raises(ssl.SSLWantReadError):
        pair.client.do_handshake()
    return pair.to_server.read()


def extensions(record: bytes) -> Iterator[int]:
    """Return the types of the extensions of a ClientHello (RFC 8446, 4.1.2) in one record."""
    rest = record[5 + 4 + 2 + 32 :]  # headers of record and handshake message, version, random
    rest = rest[1 + rest[0] :]  # session id
    rest = rest[2 + struct.unpack_from("!H", rest)[0] :]  # cipher suites
    rest = rest[1 + rest[0] + 2 :]  # compression methods, length of the extensions
    while rest:
        kind, length = struct.unpack_from("!HH", rest)
        yield kind
        rest = rest[4 + length :]


def limited(version: ssl.TLSVersion) -> VoucherContext:
    context = client()
    context.minimum_version = context.maximum_version = version
    return context


@VERSIONS
def test_the_hello_asks_for_no_ticket(version: ssl.TLSVersion) -> None:
    found = set(extensions(hello(limited(version))))
    assert {VOUCHER, VOUCHER_REQUEST} <= found
    assert not {SESSION_TICKET, PRE_SHARED_KEY} & found


def test_the_witness_sees_a_ticket_where_one_is_asked_for() -> None:
    stock = ssl.create_default_context()
    stock.maximum_version = ssl.TLSVersion.TLSv1_2
    assert SESSION_TICKET in set(extensions(hello(stock)))


def test_a_server_that_gives_tickets_gives_none() -> None:
    """TLS 1.2: what was not asked for does not come, and the session that is left cannot be resumed elsewhere."""
    context = client()
    pair = Pair(context, server(world.answer(*vouching(context)), ssl.TLSVersion.TLSv1_2))
    with peer("127.0.0.1"):
        pair.handshake()
    session = pair.client.session
    assert session is not None
    assert not session.has_ticket


@VERSIONS
def test_a_session_that_a_program_brings_makes_no_accepted_connection(version: ssl.TLSVersion) -> None:
    """By session id in TLS 1.2, by the tickets that a 1.3 server sends unasked."""
    context = client()
    answering = server(world.answer(*vouching(context)), version)
    first = Pair(context, answering)
    with peer("127.0.0.1"):
        first.handshake()
        first.server.write(b"tickets come with this")
        first.client.read()
        second = Pair(context, answering)
        assert isinstance(second.client, VoucherObject)
        second.client.session = first.client.session
        with suppress(Refused):
            second.handshake()
    verdict = second.client.verdict
    assert verdict is not None
    assert (verdict.rule == "T8") is second.client.session_reused
