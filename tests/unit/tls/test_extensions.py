"""Custom extensions of a client, against a stock server in memory."""

import gc
import ssl
import threading
from datetime import UTC, datetime

import pytest

from mecai import tls
from mecai.tls import extensions
from mecai.tls.library import SSL_EXT_TLS1_2_SERVER_HELLO, SSL_EXT_TLS1_3_CERTIFICATE
from mecai.tls.pointers import connection_pointer
from tests.pki import Hierarchy
from tests.unit.tls.memory import Extension, Pair, server_context

ANSWERED, UNANSWERED = 65357, 65358
OFFER = {ANSWERED: b"", UNANSWERED: b"the choice"}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

alder = Hierarchy("alder", datetime.now(UTC).replace(microsecond=0))
site = alder.server("www.example.test")


@pytest.fixture
def server() -> ssl.SSLContext:
    return server_context(site)


@pytest.fixture
def client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=alder.root.der)
    tls.install(context, answered=ANSWERED, unanswered=UNANSWERED)
    return context


def connect(client: ssl.SSLContext, server: ssl.SSLContext) -> tls.Exchange:
    pair, exchange = Pair(client, server), tls.Exchange(OFFER)
    tls.attach(pair.connection, exchange)
    pair.handshake()
    return exchange


@pytest.mark.parametrize("version", VERSIONS)
def test_both_extensions_arrive_and_the_answer_comes_back(
    client: ssl.SSLContext, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server.minimum_version = server.maximum_version = version
    answer = Extension(lambda _message, index: b"vouchers" if index == 0 else b"of another certificate")
    answer.install(server, ANSWERED, SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE)
    choice = Extension().install(server, UNANSWERED)
    assert connect(client, server).answer == b"vouchers"
    assert (answer.seen, choice.seen) == ([b""], [b"the choice"])


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_that_cannot_be_read_is_met_with_decode_error(
    client: ssl.SSLContext, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server.maximum_version = version
    answer = Extension(lambda _message, index: b"of another certificate" if index else b"?")
    answer.install(server, ANSWERED, SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE)
    pair, exchange = Pair(client, server), tls.Exchange(OFFER, lambda octets: octets != b"?")
    tls.attach(pair.connection, exchange)
    with pytest.raises(ssl.SSLError):
        pair.handshake()
    with pytest.raises(ssl.SSLError, match=r"(?i)decode.error"):
        pair.server.do_handshake()
    assert (exchange.ended, exchange.answer) == (True, b"?")


def test_an_empty_answer_is_no_missing_answer(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    Extension(lambda _message, index: None if index else b"").install(server, ANSWERED, SSL_EXT_TLS1_3_CERTIFICATE)
    assert connect(client, server).answer == b""


def test_an_answer_in_an_intermediate_certificate_entry_is_ignored(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    Extension(lambda _message, index: b"stray" if index else None).install(server, ANSWERED, SSL_EXT_TLS1_3_CERTIFICATE)
    assert connect(client, server).answer is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_knows_nothing_answers_nothing(
    client: ssl.SSLContext, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server.maximum_version = version
    assert connect(client, server).answer is None


def test_both_hellos_of_a_retry_carry_the_same_octets(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    server.set_ecdh_curve("secp521r1")  # no key share of a client is for it: HelloRetryRequest
    answer = Extension(lambda _message, index: None if index else b"vouchers")
    answer.install(server, ANSWERED, SSL_EXT_TLS1_3_CERTIFICATE)
    choice = Extension().install(server, UNANSWERED)
    assert connect(client, server).answer == b"vouchers"
    assert choice.seen == [b"the choice", b"the choice"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_resumes_asks_all_the_same(
    client: ssl.SSLContext, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server.maximum_version = version
    choice = Extension().install(server, UNANSWERED)
    first, second = Pair(client, server), Pair(client, server)
    for pair in (first, second):
        exchange = tls.Exchange(OFFER)
        tls.attach(pair.connection, exchange)
        if pair is second:
            pair.client.session = first.client.session
        pair.handshake()
        pair.server.write(b"tickets come with this")
        pair.client.read()
    assert tls.read_facts(second.connection).resumed
    assert choice.seen == [b"the choice", b"the choice"]


@pytest.mark.filterwarnings("ignore:The asyncore module")  # tlslite-ng asks for it up to Python 3.11
def test_the_hello_as_another_implementation_reads_it(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    from tlslite.messages import ClientHello  # noqa: PLC0415 - under the filter
    from tlslite.utils.codec import Parser  # noqa: PLC0415 - under the filter

    pair, exchange = Pair(client, server), tls.Exchange(OFFER)
    tls.attach(pair.connection, exchange)
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.do_handshake()
    hello = Parser(bytearray(pair.to_server.read()[6:]))  # behind the record's header and the message's type
    found = {entry.extType: bytes(entry.extData) for entry in ClientHello().parse(hello).extensions}
    assert {kind: found[kind] for kind in OFFER} == OFFER


@pytest.mark.parametrize("version", VERSIONS)
def test_answering_the_choice_ends_the_handshake_with_unsupported_extension(
    client: ssl.SSLContext, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server.maximum_version = version
    Extension(lambda _message, _index: b"?").install(server, UNANSWERED)
    pair, exchange = Pair(client, server), tls.Exchange(OFFER)
    tls.attach(pair.connection, exchange)
    with pytest.raises(ssl.SSLError):
        pair.handshake()
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.extension"):
        pair.server.do_handshake()


def test_a_connection_without_exchange_sends_and_keeps_nothing(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    answer = Extension(lambda _message, index: None if index else b"vouchers")
    answer.install(server, ANSWERED, SSL_EXT_TLS1_3_CERTIFICATE)
    Pair(client, server).handshake()
    assert answer.seen == []


def test_a_new_hello_voids_what_an_earlier_one_brought_in(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    pair, exchange = Pair(client, server), tls.Exchange(OFFER)
    exchange.answer = b"left over"
    tls.attach(pair.connection, exchange)
    pair.handshake()
    assert exchange.answer is None


def test_an_abandoned_handshake_leaves_nothing_behind(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    pair, exchange = Pair(client, server), tls.Exchange(OFFER)
    tls.attach(pair.connection, exchange)
    pointer = connection_pointer(pair.connection)
    assert extensions._exchanges[pointer] is exchange
    del exchange
    gc.collect()
    assert pointer not in extensions._exchanges


def test_an_exception_in_a_callback_ends_the_handshake_and_no_more(
    client: ssl.SSLContext, server: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = tls.Exchange(OFFER)
    monkeypatch.setattr(exchange, "offer", {ANSWERED: "no octets", UNANSWERED: b""})
    pair = Pair(client, server)
    tls.attach(pair.connection, exchange)
    with pytest.raises(ssl.SSLError):
        pair.handshake()


def test_a_context_takes_the_extensions_once(client: ssl.SSLContext) -> None:
    with pytest.raises(tls.UnsupportedRuntimeError, match="none of them"):
        tls.install(client, answered=ANSWERED, unanswered=UNANSWERED)


def test_threads_do_not_mix_their_answers(client: ssl.SSLContext) -> None:
    """Each thread asks with its own octets and the server echoes them, over one shared client context."""
    wrong: list[bytes | None] = []

    def work(mark: bytes) -> None:
        context = server_context(site)
        echo = Extension().install(context, UNANSWERED)
        answer = Extension(lambda _message, index: None if index else echo.seen[-1])
        answer.install(context, ANSWERED, SSL_EXT_TLS1_3_CERTIFICATE)
        for _ in range(10):
            pair, exchange = Pair(client, context), tls.Exchange({ANSWERED: b"", UNANSWERED: mark})
            tls.attach(pair.connection, exchange)
            pair.handshake()
            if exchange.answer != mark:
                wrong.append(exchange.answer)

    threads = [threading.Thread(target=work, args=[b"thread %d" % number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
