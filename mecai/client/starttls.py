"""What goes before TLS where a connection begins in the clear: IMAP (RFC 9051), POP3 (RFC 2595) and SMTP (RFC 3207).

Nothing of it is believed, for whoever is on the path may write it: an offer that is missing ends the connection, and so
does anything that is said between the server's consent and TLS, which would count as said under TLS afterwards.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Final

from mecai.net.cut_off import cut_off
from mecai.service.deadline import Deadline

ANSWER_LIMIT: Final = 16384  # octets of one answer, all its lines
_OCTETS: Final = 4096


class _Line:
    """A connection in the clear: one command, one answer."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain

    def say(self, command: str) -> None:
        self._plain.sendall(command.encode("ascii") + b"\r\n")

    def hear(self, is_last: Callable[[str], bool]) -> list[str]:
        """Return the lines of one answer up to its last; raises `OSError` where more follows, or none comes."""
        heard = b""
        while True:
            octets = self._plain.recv(_OCTETS)
            heard += octets
            lines = heard.decode("latin-1").split("\r\n")
            for place, line in enumerate(lines[:-1]):
                if is_last(line):
                    if lines[place + 1 :] != [""]:
                        raise ConnectionError("more came before TLS than the answer to what was asked")
                    return lines[: place + 1]
            if not octets or len(heard) > ANSWER_LIMIT:
                raise ConnectionError(f"no answer came before TLS, but {heard[:_OCTETS].decode('latin-1')!r}")


def _imap(line: _Line) -> None:
    _expect(line.hear(lambda _: True), "* OK")  # not PREAUTH: no STARTTLS is possible then (RFC 9051, section 6.2.1)
    line.say("a STARTTLS")
    _expect(line.hear(lambda said: said.startswith("a ")), "a OK")


def _pop3(line: _Line) -> None:
    _expect(line.hear(lambda _: True), "+OK")
    line.say("STLS")
    _expect(line.hear(lambda _: True), "+OK")


def _smtp(line: _Line) -> None:
    _expect(line.hear(_ends_reply), "220")
    line.say("EHLO client.invalid")
    _expect(line.hear(_ends_reply), "250")
    line.say("STARTTLS")
    _expect(line.hear(_ends_reply), "220")


def _ends_reply(said: str) -> bool:
    """Tell whether a line is the last of an SMTP reply (RFC 5321, section 4.2.1)."""
    return said[3:4] != "-"


def _expect(answer: list[str], word: str) -> None:
    if not answer[-1].upper().startswith(word.upper()):
        raise ConnectionError(f"no STARTTLS: the server said {answer[-1]!r}")


BEGINNINGS: Final[Mapping[str, Callable[[_Line], None]]] = {"imap": _imap, "pop3": _pop3, "smtp": _smtp}


def begin(plain: socket.socket, protocol: str, deadline: Deadline) -> None:
    """Bring a new connection to where its TLS handshake is next, within `deadline`.

    Raises `OSError` where the server does not consent, says more than it was asked, or nothing in time.
    """
    with cut_off(plain, deadline):
        BEGINNINGS[protocol](_Line(plain))
