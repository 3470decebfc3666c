"""Foreign text on its way to a person."""

import errno
import os

import pytest

from mecai.service.printable import LONGEST_LINE, one_line, printable, words


def test_what_a_terminal_shows_stays() -> None:
    assert printable("a\tb\nç✓ ~") == "a\tb\nç✓ ~"


@pytest.mark.parametrize("code", [0x00, 0x08, 0x0D, 0x1B, 0x7F, 0x9B, 0xAD, 0x202E, 0x2028, 0x2069, 0xD800, 0xE000])
def test_what_a_terminal_obeys_goes(code: int) -> None:
    """Escapes, a carriage return, the right-to-left override, a line separator, half a surrogate pair."""
    assert printable(f"a{chr(code)}b") == one_line(f"a{chr(code)}b") == "a\ufffdb"


def test_a_line_is_one_line_and_no_longer_than_a_line() -> None:
    assert one_line("a\nb\tc") == "a b c"
    assert len(one_line("x" * 9000)) == LONGEST_LINE


def test_an_error_in_words() -> None:
    assert words(OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED), "/secret")) == "Connection refused"
    assert words(TimeoutError("timed out")) == "timed out"
    assert words(ValueError()) == "ValueError"
    assert words(ValueError("HTTP/\x1b[31m")) == "HTTP/\ufffd[31m"
