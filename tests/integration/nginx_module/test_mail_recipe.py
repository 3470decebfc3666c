"""The mail server of the README, word for word but for ports and files, before doubles of Postfix and Dovecot."""

import imaplib
import re
import smtplib
import socketserver
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from mecai.client import VoucherContext, VoucherSocket
from tests.integration.nginx_module.server import SHIM, Nginx
from tests.integration.nginx_module.test_client import write_staples
from tests.integration.nginx_module.test_mail import context_of
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import HOST, Scene
from tests.serving import serving

PORTS: Final = {"listen": (993, 465, 143, 587, 25), "behind": (943, 987, 925), "router": (980,)}
LOGIN: Final = ("reader@example.test", "secret")
PLAIN: Final = "AHJlYWRlckBleGFtcGxlLnRlc3QAc2VjcmV0"  # LOGIN in AUTH PLAIN (RFC 4616)


class _Back(socketserver.StreamRequestHandler):
    """Dovecot or Postfix, as far as nginx and a client need it; notes what came before its greeting."""

    timeout = SECONDS

    def handle(self) -> None:
        self.server.proxied.append(self.rfile.readline().decode())  # type: ignore[attr-defined]
        greeting, answer = self.server.speaks  # type: ignore[attr-defined]
        self.wfile.write(greeting)
        while line := self._line():
            self.wfile.write(answer(line))

    def _line(self) -> str:
        """Read a line, its literals (RFC 9051, section 4.3) in their places."""
        line = self.rfile.readline().decode().rstrip()
        while literal := re.search(r"\{(\d+)\}$", line):
            self.wfile.write(b"+ go on\r\n")
            line = line[: literal.start()] + self.rfile.read(int(literal[1])).decode()
            line += self.rfile.readline().decode().rstrip()
        return line


def _imap(line: str) -> bytes:
    tag, command, *words = line.split(" ")
    good = command != "LOGIN" or [word.strip('"') for word in words] == list(LOGIN)
    capability = "* CAPABILITY IMAP4rev1\r\n" if command == "CAPABILITY" else ""
    return f"{capability}{tag} {'OK' if good else 'NO'} said\r\n".encode()


def _smtp(line: str) -> bytes:
    match line.split(" "):
        case ["EHLO", _]:
            return b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n"
        case ["AUTH", "PLAIN", word]:
            return b"235 2.7.0 welcome\r\n" if word == PLAIN else b"535 5.7.8 no\r\n"
    return b"250 2.0.0 said\r\n"


@contextmanager
def behind(port: int, greeting: bytes, answer: Callable[[str], bytes]) -> Iterator[list[str]]:
    """Serve behind nginx; gives the lines of the PROXY protocol that came."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", port), _Back)
    server.daemon_threads = True
    server.proxied, server.speaks = [], (greeting, answer)  # type: ignore[attr-defined]
    with serving(server):
        yield server.proxied  # type: ignore[attr-defined]


def recipe(nginx: Nginx, scene: Scene, ports: Mapping[int, int]) -> dict[str, str]:
    """Return the README's blocks, with files and ports of this test."""
    text = (SHIM / "README.md").read_text(encoding="utf-8").partition("## Mail servers")[2]
    text = re.sub("#.*", "", text.partition("```nginx\n")[2].partition("```")[0])
    text = re.sub(r"ssl_certificate [^;]*; ssl_certificate_key [^;]*;", nginx.identity(scene.site), text)
    text = re.sub(r"listen (\d+)(?=[ ;])", lambda found: f"listen 127.0.0.1:{ports[int(found[1])]}", text)
    text = re.sub(r"127.0.0.1:(9[48]\d)", lambda found: f"127.0.0.1:{ports[int(found[1])]}", text)
    text = re.sub(r"Auth-Port (\d+)", lambda found: f"Auth-Port {ports[int(found[1])]}", text)
    # the harness says in each block what the README says, and where the staples of this test are
    text = text.replace("voucher on;", "")
    return dict(re.findall(r"^(stream|mail|http) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL))


@pytest.fixture
def ports(nginx: Nginx, scene: Scene) -> Iterator[Mapping[int, int]]:
    """Give the ports that the README's are here, each with what is behind it."""
    write_staples(scene, nginx)
    found = {port: free_port() for port in sum(PORTS.values(), ())}
    with ExitStack() as stack:
        proxied = [
            stack.enter_context(behind(found[943], b"* OK ready\r\n", _imap)),
            *(stack.enter_context(behind(found[port], b"220 ready\r\n", _smtp)) for port in (987, 925)),
        ]
        nginx.start(**recipe(nginx, scene, found))
        yield found
        lines = [line for each in proxied for line in each]
        assert all(re.fullmatch(r"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n", line) for line in lines)


def _accepted(sock: object) -> bool:
    return isinstance(sock, VoucherSocket) and sock.verdict is not None and bool(sock.verdict.vouched)


class _Imap(imaplib.IMAP4):
    """A mailbox of the site's, at a port of loopback."""

    def __init__(self, port: int, context: VoucherContext, *, at_once: bool) -> None:
        self._at_once = context if at_once else None
        super().__init__(HOST, port, SECONDS)
        if not at_once:
            self.starttls(context)

    def _create_socket(self, timeout: float | None) -> object:
        self.host = "127.0.0.1"
        plain = super()._create_socket(timeout)  # type: ignore[misc]
        self.host = HOST
        return self._at_once.wrap_socket(plain, server_hostname=HOST) if self._at_once else plain


class _Smtp(smtplib.SMTP):
    """A relay of the site's, at a port of loopback."""

    def __init__(self, port: int, context: VoucherContext, *, at_once: bool) -> None:
        self._at_once = context if at_once else None
        super().__init__(HOST, port, timeout=SECONDS)
        if not at_once:
            self.starttls(context=context)

    def _get_socket(self, _host: str, port: int, timeout: float) -> object:
        plain = super()._get_socket("127.0.0.1", port, timeout)  # type: ignore[misc]
        return self._at_once.wrap_socket(plain, server_hostname=HOST) if self._at_once else plain


@pytest.mark.parametrize("port", [993, 143])
def test_a_mailbox_is_reached_with_its_password_alone(ports: Mapping[int, int], scene: Scene, port: int) -> None:
    for password in (LOGIN[1], "guess"):
        client = _Imap(ports[port], context_of(scene), at_once=port == 993)
        assert _accepted(client.sock)
        if password == LOGIN[1]:
            assert client.login(LOGIN[0], password)[0] == "OK"
            assert client.noop()[0] == "OK"
        else:
            with pytest.raises(imaplib.IMAP4.error):
                client.login(LOGIN[0], password)
        client.sock.close()


@pytest.mark.parametrize("port", [465, 587])
def test_mail_is_submitted_with_a_password_alone(ports: Mapping[int, int], scene: Scene, port: int) -> None:
    for password in (LOGIN[1], "guess"):
        client = _Smtp(ports[port], context_of(scene), at_once=port == 465)
        assert _accepted(client.sock)
        client.ehlo()
        client.user, client.password = LOGIN[0], password
        code, _ = client.auth("PLAIN", client.auth_plain) if password == LOGIN[1] else _refused(client)
        assert code == (235 if password == LOGIN[1] else 535)
        client.close()


def _refused(client: smtplib.SMTP) -> tuple[int, bytes]:
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        client.auth("PLAIN", client.auth_plain)
    return caught.value.smtp_code, b""


def test_other_servers_bring_mail_without_one(ports: Mapping[int, int], scene: Scene) -> None:
    client = _Smtp(ports[25], context_of(scene), at_once=False)
    assert _accepted(client.sock)
    client.ehlo()
    assert [client.mail("somebody@elsewhere.test")[0], client.rcpt(LOGIN[0])[0]] == [250, 250]
    client.close()


@pytest.mark.parametrize("port", [143, 587])
def test_nobody_logs_in_before_starttls(ports: Mapping[int, int], port: int) -> None:
    if port == 143:
        mailbox = imaplib.IMAP4("127.0.0.1", ports[port], SECONDS)
        with pytest.raises(imaplib.IMAP4.error):
            mailbox.login(*LOGIN)
        mailbox.shutdown()
    else:
        with smtplib.SMTP("127.0.0.1", ports[port], timeout=SECONDS) as relay:
            relay.ehlo()
            assert relay.docmd("AUTH", f"PLAIN {PLAIN}")[0] // 100 == 5
