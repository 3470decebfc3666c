"""The browser's end of a tunnel to a refused site: whatever comes there, it is closed."""

import asyncio
from unittest.mock import AsyncMock, Mock

import pytest

from mecai.client.proxy.near import show

GET = b"GET / HTTP/1.1\r\n"


def shown(heard: bytes | Exception) -> Mock:
    """Show a page to who says this; return what it was written to."""
    writer = Mock(wait_closed=AsyncMock())

    async def showing() -> None:
        reader = asyncio.StreamReader()
        if isinstance(heard, Exception):
            reader.set_exception(heard)
        else:
            reader.feed_data(heard)
            reader.feed_eof()
        await show((reader, writer), b"page")

    try:
        asyncio.run(showing())
    finally:
        writer.close.assert_called_once_with()
    return writer


def test_a_request_is_answered_with_the_page() -> None:
    shown(GET + b"\r\n").write.assert_called_once_with(b"page")


def test_who_asks_wrongly_hears_why() -> None:
    """Any page lets its browser send a hundred fields."""
    (said,) = shown(GET + b"X: y\r\n" * 100 + b"\r\n").write.call_args.args
    assert said.startswith(b"HTTP/1.1 400 ")


def test_who_says_nothing_hears_nothing() -> None:
    shown(b"").write.assert_not_called()


def test_what_breaks_off_is_closed() -> None:
    with pytest.raises(ConnectionResetError):
        shown(ConnectionResetError())
