"""Heads of requests: the plain form, its bounds in octets and time, and nothing before a tunnel stands."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.client.proxy import head
from mecai.client.proxy.head import FIELDS, LIMIT, Declined, Head, parse_head, read_head, receive_head

GOOD = b"CONNECT www.example.test:443 HTTP/1.1\r\nHost: www.example.test:443\r\nUser-Agent: x\r\n\r\n"


def test_a_head_is_read() -> None:
    found = parse_head(GOOD)
    assert (found.method, found.target, found.fields["host"]) == (
        "CONNECT",
        "www.example.test:443",
        found.fields["Host"],
    )
    assert parse_head(b"GET / HTTP/1.0\r\n\r\n").fields.items() == []


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n",
        b"CONNECT a.test:443\r\n\r\n",
        b"connect a.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:443 HTTP/2.0\r\n\r\n",
        b"CONNECT  a.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a\x00.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\nHost: a.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (FIELDS + 1) + b"\r\n",
        b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_not_of_the_plain_form_is_declined(octets: bytes) -> None:
    with pytest.raises(Declined, match="plain form") as caught:
        parse_head(octets)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


def test_as_many_fields_as_it_says_are_read() -> None:
    assert len(parse_head(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * FIELDS + b"\r\n").fields.items()) == FIELDS


def test_fields_that_the_library_does_not_read_are_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has limits of its own, which another version may set lower."""
    monkeypatch.setattr("http.client._MAXHEADERS", 1)
    with pytest.raises(Declined, match="fields cannot be read: got more than 1 headers") as caught:
        parse_head(GOOD)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


_PIECES = st.sampled_from(
    [b"CONNECT ", b"GET ", b"/", b"a.test:443", b" HTTP/1.1", b"\r\n", b"Host: a", b":", b"\0", b"\xff"]
)


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=4)), max_size=12).map(b"".join))
def test_whatever_comes_is_a_head_or_declined(octets: bytes) -> None:
    with suppress(Declined):
        found = parse_head(octets)
        assert octets.startswith(f"{found.method} {found.target} HTTP/1.".encode())
        assert octets.endswith(b"\r\n\r\n")
        assert octets.count(b"\r\n") == len(found.fields.items()) + 2


def received(*pieces: bytes, ends: bool = True) -> Head | None:
    """Let a client say some pieces, and perhaps hang up."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        for piece in pieces:
            there.sendall(piece)
        if ends:
            there.shutdown(socket.SHUT_WR)
        return asyncio.run(receive_head(here))


def read(*pieces: bytes) -> Head:
    """Read a head inside a tunnel."""

    async def reading() -> Head:
        reader = asyncio.StreamReader(limit=LIMIT)
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        return await read_head(reader)

    return asyncio.run(reading())


def test_a_head_may_come_in_pieces_and_nobody_need_say_anything() -> None:
    found = received(GOOD[:7], GOOD[7:], ends=False)
    assert found
    assert found.target == "www.example.test:443"
    assert received() is None


def test_half_a_head_is_declined() -> None:
    with pytest.raises(Declined, match="has no end"):
        received(GOOD[:-2])
    with pytest.raises(EOFError):
        read(GOOD[:-2])


@pytest.mark.parametrize("reading", [partial(received, ends=False), read])
def test_a_huge_head_is_declined(reading: Callable[[bytes], Head]) -> None:
    with pytest.raises(Declined) as caught:
        reading(b"GET / HTTP/1.1\r\nX: " + b"y" * LIMIT)
    assert caught.value.status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_a_tunnel_is_not_used_before_it_stands() -> None:
    """What came in the clear would go on as if it had come over TLS."""
    with pytest.raises(Declined, match="before it stands"):
        received(GOOD + b"GET / HTTP/1.1\r\n")
    with pytest.raises(Declined, match="before it stands"):
        received(GOOD + b"GET / HTTP/1.1\r\n\r\n")
    assert received(b"POST / HTTP/1.1\r\n\r\nbody")


def test_a_slow_head_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "SECONDS", 0.01)
    with pytest.raises(Declined) as caught:
        received(GOOD[:-1], ends=False)
    assert caught.value.status is HTTPStatus.REQUEST_TIMEOUT
