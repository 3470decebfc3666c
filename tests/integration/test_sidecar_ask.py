"""The question to a VAS over real HTTPS: what each answer becomes, and that it always ends."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.vrp.answers import Held, RequestRefused
from mecai.vrp.ask import ask
from tests.integration.client_servers import flooding_server
from tests.integration.played_vas import NOW, TLS, Vas, answering
from tests.pki import Hierarchy
from tests.ports import free_port

OTHER = Hierarchy("other", NOW)
PROBLEM = "application/problem+json"


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    vas = Vas(tmp_path)
    yield vas
    vas.close()


def test_a_voucher_comes_back_as_it_came(vas: Vas) -> None:
    vas.handle = answering(200, "application/mecai-voucher", b"voucher")
    assert ask(vas.server(), b"request") == b"voucher"
    assert ask(vas.server(path="/birch/"), b"request") == b"voucher"
    assert vas.requests == [("/v1/vouchers", b"request"), ("/birch/v1/vouchers", b"request")]


def test_a_hold(vas: Vas) -> None:
    vas.handle = answering(202, "application/json", '{"holdEnd": "2026-03-05T12:00:00Z", "reason": "first-seen"}')
    assert ask(vas.server(), b"request") == Held(datetime(2026, 3, 5, 12, tzinfo=UTC))


def test_a_hold_with_the_pause_that_is_asked_for(vas: Vas) -> None:
    body = '{"holdEnd": "2026-03-05T12:00:00Z", "reason": "first-seen"}'
    vas.handle = answering(202, "application/json", body, **{"Retry-After": "45"})
    assert ask(vas.server(), b"request") == Held(datetime(2026, 3, 5, 12, tzinfo=UTC), timedelta(seconds=45))


@pytest.mark.parametrize(
    ("status", "kind", "body", "said", "final"),
    [
        (
            403,
            PROBLEM,
            json.dumps({"type": "tag:x:problem/revoked", "detail": "gone\x1b[0m"}),
            "revoked: gone\ufffd[0m",
            True,
        ),
        (503, PROBLEM, json.dumps({"type": "x/overloaded", "detail": "later"}), "overloaded: later", False),
        (200, "text/html", "<html>", "answered 200 text/html, which says nothing", False),
        (200, "application/mecai-voucher", bytes(16 * 1024 + 1), "sent a voucher of more than 16384 octets", True),
        (202, "application/json", '{"holdEnd": "soon"}', "answered 202 application/json", False),
        (202, "application/json", "[]", "answered 202 application/json", False),
        (202, "application/json", "[" * 16_000, "answered 202 application/json", False),
        (302, "text/html", "", "answered 302 text/html", False),
        (500, PROBLEM, '{"type": "x", "detail": "' + "y" * 4000 + '"}', "yyy", False),
    ],
)
def test_anything_else_is_a_refusal_in_one_line(  # noqa: PLR0917 - one table
    vas: Vas, status: int, kind: str, body: str | bytes, said: str, final: bool
) -> None:
    vas.handle = answering(status, kind, body, Location="https://example.test")
    with pytest.raises(RequestRefused) as caught:
        ask(vas.server(), b"request")
    line = str(caught.value)
    assert said in line
    assert (caught.value.final, len(line) < 400, line.isprintable()) == (final, True, True)
    assert len(vas.requests) == 1


def test_what_no_http_library_understands_cannot_drive_a_terminal(vas: Vas) -> None:
    def odd(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/\x1b[31m 200 OK\r\n\r\n")

    vas.handle = odd
    with pytest.raises(RequestRefused, match="HTTP/\ufffd\\[31m"):
        ask(vas.server(), b"request")


def test_a_certificate_that_the_directory_does_not_pin(vas: Vas) -> None:
    with pytest.raises(RequestRefused, match="is not one that the directory pins"):
        ask(vas.server(OTHER), b"request")
    assert vas.requests == []


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(RequestRefused, match="Connection refused"):
        ask(at(port), b"request")


def test_a_server_that_never_speaks_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(RequestRefused):
        ask(at(listener.getsockname()[1]), b"request", Deadline(0.1))


def test_a_server_that_sends_hello_requests_without_end_is_cut_off() -> None:
    with flooding_server() as port, pytest.raises(RequestRefused, match="timed out"):
        ask(at(port), b"request", Deadline(0.3))


def test_a_server_that_drips_is_cut_off(vas: Vas) -> None:
    ended = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/mecai-voucher")
        handler.end_headers()
        while not ended.wait(0.01):
            handler.wfile.write(b"x")

    vas.handle = drip
    try:
        with pytest.raises(RequestRefused, match="timed out"):
            ask(vas.server(), b"request", Deadline(0.3))
    finally:
        ended.set()


def at(port: int) -> Server:
    return Server(f"https://127.0.0.1:{port}", (TLS.root.certificate,))
