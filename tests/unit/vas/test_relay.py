"""Handing mail to a relay: what it says decides whether there is another time (RFC 5321 section 4.2)."""

import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from mecai.errors import HostError
from mecai.vas.jobs.runner import GivenUp
from mecai.vas.notify.relay import Relay
from tests.pki import DAY, Hierarchy, ca_extensions, issue, key
from tests.serving import serving


class Smtp(socketserver.StreamRequestHandler):
    """A relay on loopback whose answers a test settles, by the first word of the command."""

    answers: dict[str, str]
    messages: list[bytes]
    verbs: list[str]
    context: ssl.SSLContext

    def handle(self) -> None:
        """Hold one conversation."""
        self._say(self.answers.get("CONNECT", "220 relay.test"))
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper().rstrip(":")
            self.verbs.append(verb)
            answer = self.answers.get(verb, "250 good")
            self._say(answer)
            if verb == "QUIT":
                return
            if answer.startswith("354"):
                self._take()
            if verb == "STARTTLS" and answer.startswith("220") and not self._secure():
                return

    def _secure(self) -> bool:
        self.rfile.close()
        try:
            self.request = self.context.wrap_socket(self.request, server_side=True)
        except ssl.SSLError:  # the other side does not trust it
            return False
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        return True

    def finish(self) -> None:
        """Close what TLS put in the place of the connection, too."""
        super().finish()
        self.rfile.close()
        self.request.close()

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        self.messages.append(b"".join(lines))
        self._say(self.answers.get("MESSAGE", "250 taken"))

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def running() -> Iterator[tuple[Relay, type[Smtp]]]:
    """Run a mail relay; yields the way to it, and what it has seen."""
    kind = type("Handler", (Smtp,), {"answers": {"DATA": "354 go on", "QUIT": "221 bye"}, "messages": [], "verbs": []})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind)
    with serving(server):
        yield Relay("127.0.0.1", server.server_address[1]), kind


@pytest.fixture
def smtp() -> Iterator[tuple[Relay, type[Smtp]]]:
    with running() as relay:
        yield relay


def test_a_message_arrives_as_it_is(smtp: tuple[Relay, type[Smtp]]) -> None:
    relay, seen = smtp
    relay.send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n.dot\r\n")
    assert seen.messages == [b"Subject: x\r\n\r\n..dot\r\n"]  # RFC 5321 section 4.5.2


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "MESSAGE"])
@pytest.mark.parametrize(("answer", "kind"), [("450 later", HostError), ("550 never", GivenUp)])
def test_what_a_relay_refuses(smtp: tuple[Relay, type[Smtp]], verb: str, answer: str, kind: type[Exception]) -> None:
    relay, seen = smtp
    seen.answers = seen.answers | {verb: answer}
    with pytest.raises(kind, match=f"the relay 127.0.0.1 says {answer}") as caught:
        relay.send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "answers",
    [
        {"CONNECT": "554 not now"},  # RFC 5321 section 3.1
        {"CONNECT": "421 too many connections"},
        {"EHLO": "550 who are you", "HELO": "550 who are you"},
        {"MAIL": "530 Must issue a STARTTLS command first"},
        {"MAIL": "550 this sender is not known"},
        {"MAIL": "421 bye"},
    ],
)
def test_what_a_relay_refuses_before_it_knows_for_whom(smtp: tuple[Relay, type[Smtp]], answers: dict[str, str]) -> None:
    """Its operator has it wrong, or this host's: mended within the days of the outbox, the owner is told."""
    relay, seen = smtp
    seen.answers = seen.answers | answers
    with pytest.raises(HostError, match=r"the relay 127\.0\.0\.1 says ") as caught:
        relay.send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")
    assert type(caught.value) is HostError
    assert not seen.messages


def test_a_relay_that_refuses_tls(smtp: tuple[Relay, type[Smtp]]) -> None:
    relay, seen = smtp
    seen.answers = seen.answers | {"EHLO": "250-relay.test\r\n250 STARTTLS", "STARTTLS": "554 no key"}
    with pytest.raises(HostError, match=r"the relay 127\.0\.0\.1 says 554 no key"):
        replace(relay, starttls=True).send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")


@pytest.mark.parametrize("last", ["502 what", "421 too many", "nonsense", ""])
def test_what_a_relay_says_when_it_has_the_message(smtp: tuple[Relay, type[Smtp]], last: str) -> None:
    """It is delivered: neither given up nor sent once more."""
    relay, seen = smtp
    seen.answers = seen.answers | {"QUIT": last}
    relay.send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")
    assert seen.messages == [b"Subject: x\r\n\r\n"]


@pytest.fixture
def root(smtp: tuple[Relay, type[Smtp]], tmp_path: Path) -> x509.Certificate:
    """Let the relay speak TLS; return the root that its certificate chains to."""
    ca, span = key("relay ca"), (datetime.now(UTC) - DAY, datetime.now(UTC) + DAY)
    root = issue("relay ca", ca, None, ca_extensions(ca, None), span=span)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    server = issue("relay", key("relay"), root, [(address, False)], span=span)
    (tmp_path / "chain.pem").write_bytes(server.pem + server.key_pem)
    smtp[1].context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    smtp[1].context.load_cert_chain(tmp_path / "chain.pem")
    smtp[1].answers |= {"EHLO": "250-relay.test\r\n250 STARTTLS", "STARTTLS": "220 go on"}
    return root.certificate


def test_with_starttls_a_message_goes_by_tls(smtp: tuple[Relay, type[Smtp]], root: x509.Certificate) -> None:
    relay, seen = smtp
    replace(relay, starttls=True, roots=[root]).send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")
    assert seen.messages == [b"Subject: x\r\n\r\n"]
    assert seen.verbs.index("STARTTLS") < seen.verbs.index("MAIL")


@pytest.mark.usefixtures("root")
def test_a_relay_that_shows_another_certificate_gets_nothing(smtp: tuple[Relay, type[Smtp]]) -> None:
    relay, seen = smtp
    other = Hierarchy("other").root.certificate
    for roots in ([other], None):
        with pytest.raises(HostError, match="certificate verify failed"):
            replace(relay, starttls=True, roots=roots).send("a@b.test", "c@d.test", b"Subject: x\r\n\r\n")
    assert not seen.messages


def test_a_relay_that_is_not_there() -> None:
    with pytest.raises(HostError, match=r"the relay 127\.0\.0\.1: .*refused"):
        Relay("127.0.0.1", 1).send("a@b.test", "c@d.test", b"")
