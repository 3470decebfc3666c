"""What goes before TLS in the clear: the offer must be there, and nothing else may be."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from mecai.client import starttls
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

IMAP = [(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"a STARTTLS\r\n"), (b"* noted\r\na OK begin\r\n", b"")]
POP3 = [(b"+OK ready\r\n", b"STLS\r\n"), (b"+OK begin\r\n", b"")]
SMTP = [
    (b"220-mail.example.test\r\n220 ESMTP\r\n", b"EHLO client.invalid\r\n"),
    (b"250-mail.example.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", b"STARTTLS\r\n"),
    (b"220 2.0.0 begin\r\n", b""),
]
SCRIPTS = {"imap": IMAP, "pop3": POP3, "smtp": SMTP}


@contextmanager
def server(script: Sequence[tuple[bytes, bytes]]) -> Iterator[socket.socket]:
    """Play a server, which says its part and awaits the client's, and give the client's end."""
    near, far = socket.socketpair()
    heard: list[bytes] = []

    def play() -> None:
        for says, _ in script:
            far.sendall(says)
            if not (command := far.recv(1000)):
                return
            heard.append(command)

    thread = threading.Thread(target=play)
    thread.start()
    with far, near:
        near.settimeout(SECONDS)
        yield near
        near.shutdown(socket.SHUT_RDWR)
        thread.join(SECONDS)
    assert not thread.is_alive()
    assert heard == [command for _, command in script if command][: len(heard)]


@pytest.mark.parametrize("protocol", SCRIPTS)
def test_a_server_that_consents_is_next_asked_for_tls(protocol: str) -> None:
    with server(SCRIPTS[protocol]) as plain:
        starttls.begin(plain, protocol, Deadline(SECONDS))


@pytest.mark.parametrize("protocol", SCRIPTS)
def test_whoever_takes_the_offer_away_ends_the_connection(protocol: str) -> None:
    refusal = {"imap": b"a BAD what?\r\n", "pop3": b"-ERR what?\r\n", "smtp": b"502 5.5.1 what?\r\n"}[protocol]
    script = [*SCRIPTS[protocol][:-1], (refusal, b"")]
    with server(script) as plain, pytest.raises(ConnectionError, match=r"no STARTTLS: the server said .*what"):
        starttls.begin(plain, protocol, Deadline(SECONDS))


@pytest.mark.parametrize(
    ("protocol", "greeting"),
    [("imap", b"* PREAUTH welcome\r\n"), ("imap", b"* BYE\r\n"), ("pop3", b"-ERR busy\r\n"), ("smtp", b"554 no\r\n")],
)
def test_a_greeting_that_leads_to_no_starttls(protocol: str, greeting: bytes) -> None:
    with server([(greeting, b"")]) as plain, pytest.raises(ConnectionError, match="no STARTTLS"):
        starttls.begin(plain, protocol, Deadline(SECONDS))


@pytest.mark.parametrize("protocol", SCRIPTS)
def test_nothing_said_in_the_clear_counts_as_said_under_tls(protocol: str) -> None:
    """As CVE-2011-0411: octets that came with the consent."""
    *before, (consent, _) = SCRIPTS[protocol]
    script = [*before, (consent + b"* OK you have mail\r\n", b"")]
    with server(script) as plain, pytest.raises(ConnectionError, match="more came before TLS"):
        starttls.begin(plain, protocol, Deadline(SECONDS))


def test_half_a_line_after_the_consent_is_more_as_well() -> None:
    with server([IMAP[0], (b"a OK begin\r\nx", b"")]) as plain, pytest.raises(ConnectionError, match="more came"):
        starttls.begin(plain, "imap", Deadline(SECONDS))


def test_an_answer_may_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starttls, "_OCTETS", 3)
    with server(SMTP) as plain:
        starttls.begin(plain, "smtp", Deadline(SECONDS))


@pytest.mark.parametrize("octets", [b"", b"220-first\r\n"])
def test_a_server_that_hangs_up(octets: bytes) -> None:
    near, far = socket.socketpair()
    with near:
        far.sendall(octets)
        far.close()
        with pytest.raises(ConnectionError, match="no answer came before TLS"):
            starttls.begin(near, "smtp", Deadline(SECONDS))


def test_an_answer_without_an_end_is_not_read_to_its_end() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"220-on and on\r\n" * (1 + starttls.ANSWER_LIMIT // 15))
        with pytest.raises(ConnectionError, match="no answer came before TLS"):
            starttls.begin(near, "smtp", Deadline(SECONDS))


def test_a_server_that_says_nothing_is_waited_for_until_the_deadline() -> None:
    near, far = socket.socketpair()
    with near, far, pytest.raises(TimeoutError):
        starttls.begin(near, "imap", Deadline(0.1))
