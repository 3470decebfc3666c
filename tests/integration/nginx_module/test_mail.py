"""The module in nginx's mail proxy: vouchers in the handshakes of STARTTLS, met by Python's own mail programs."""

import imaplib
import poplib
import smtplib
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import pytest

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext
from mecai.client.fetch import JudgedConnection, connect
from mecai.client.request import Destination
from mecai.errors import VerificationError
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from tests.integration.nginx_module.server import Nginx, Staples
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.test_client import write_staples
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.patience import SECONDS
from tests.pki import Issued, rsa_key
from tests.ports import free_port
from tests.scene import HOST, Scene, authority_entry

LOOPBACK: Final = address_octets("127.0.0.1")


def server(nginx: Nginx, port: int, protocol: str, *sites: Issued, options: str = "starttls on;", tls: str = "") -> str:
    """Return a server block of nginx's mail. It is asked for no login, so nobody need answer for `auth_http`."""
    own = f"protocol {protocol}; server_name {HOST}; auth_http 127.0.0.1:1; {nginx.identity(*sites)} {options}"
    return f"server {{ listen 127.0.0.1:{port}{tls}; {own} }}\n"


def context_of(scene: Scene) -> VoucherContext:
    """Return a client's context, which enforces."""
    return VoucherContext(ClientPolicy(), scene.directory, bytes(32), lambda: datetime.now(UTC))


def imap(port: int, context: VoucherContext) -> Verdict | None:
    """Say what `imaplib` comes to after STARTTLS."""
    client = imaplib.IMAP4("127.0.0.1", port, SECONDS)
    client.host = HOST  # whom the certificate must name
    try:
        client.starttls(context)
        assert client.noop()[0] == "OK"
        return client.sock.verdict  # type: ignore[no-any-return, attr-defined]
    finally:
        client.sock.close()


def pop3(port: int, context: VoucherContext) -> Verdict | None:
    """Say what `poplib` comes to after STLS."""
    client = poplib.POP3("127.0.0.1", port, SECONDS)
    client.host = HOST
    try:
        client.stls(context)
        assert client.capa()
        return client.sock.verdict  # type: ignore[no-any-return, attr-defined]
    finally:
        client.sock.close()


def smtp(port: int, context: VoucherContext) -> Verdict | None:
    """Say what `smtplib` comes to after STARTTLS."""
    client = smtplib.SMTP(timeout=SECONDS)
    client.connect("127.0.0.1", port)
    client._host = HOST  # type: ignore[attr-defined]  # smtplib's own: whom the certificate must name
    try:
        client.starttls(context=context)
        assert client.ehlo()[0] == 250
        return client.sock.verdict  # type: ignore[no-any-return, union-attr]
    finally:
        client.close()


PROGRAMS: Final[dict[str, Callable[[int, VoucherContext], Verdict | None]]] = {"imap": imap, "pop3": pop3, "smtp": smtp}


@pytest.mark.parametrize("protocol", PROGRAMS)
def test_starttls_brings_vouchers(nginx: Nginx, scene: Scene, protocol: str) -> None:
    write_staples(scene, nginx)
    vouched, bare = free_port(), free_port()
    other = scene.alder.server(HOST, server_key=rsa_key("www"))
    mail = server(nginx, vouched, protocol, scene.site) + server(nginx, bare, protocol, other)
    nginx.start(mail=mail)
    verdict = PROGRAMS[protocol](vouched, context_of(scene))
    assert verdict is not None
    assert verdict.outcome is Outcome.ACCEPTED
    assert len(verdict.vouched) == 1
    with pytest.raises(Refused) as caught:
        PROGRAMS[protocol](bare, context_of(scene))
    assert caught.value.verdict.reason == "no-voucher"


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_tls_from_the_first_octet(nginx: Nginx, scene: Scene, version: tuple[int, int]) -> None:
    """Beside a stream and an http server, each answers from its own directory; a server may have the module off."""
    renewed, elsewhere = scene.voucher(scene.birch, serial_number=2), Staples(nginx.home / "other")
    nginx.staples.voucher(scene.site, authority_entry(scene.birch).authority, scene.voucher(scene.birch))
    elsewhere.voucher(scene.site, authority_entry(scene.birch).authority, renewed)
    port, off, web, stream = (free_port() for _ in range(4))
    nginx.start(
        nginx.server(web, scene.site),
        nginx.server(stream, scene.site).replace("return 200", "return"),
        server(nginx, port, "imap", scene.site, options=f"voucher_directory {elsewhere.root};", tls=" ssl")
        + server(nginx, off, "imap", scene.site, options="voucher off;", tls=" ssl")
        + server(nginx, free_port(), "imap", scene.site, options="starttls off;"),
    )
    request = RequestExtension(1, (authority_entry(scene.birch).authority,)).encode()
    assert ask(port, request, version=version).vouchers == (renewed,)
    assert ask(off, request, version=version).vouchers is None
    for other in (web, stream):
        assert ask(other, request, version=version).vouchers not in {None, (renewed,)}


def test_new_voucher_needs_no_reload(nginx: Nginx, scene: Scene) -> None:
    """And a reload, the module with it, changes nothing."""
    site = Site(nginx, scene)
    first, second = (scene.voucher(scene.birch, serial_number=number) for number in (1, 2))
    site.put(first)
    nginx.start(mail=server(nginx, site.port, "smtp", scene.site, options="", tls=" ssl"))
    assert site.served() == first
    nginx.reload()
    site.put(second)
    site.settle(second)


def test_starttls_brings_the_staple(nginx: Nginx, scene: Scene) -> None:
    """As OpenSSL's own client sees it."""
    port = free_port()
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
    nginx.start(mail=server(nginx, port, "smtp", scene.site, options="starttls on; voucher_ocsp on;"))
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", "smtp", "-status"]
    done = subprocess.run(command, input=b"QUIT\n", capture_output=True, timeout=SECONDS, check=False)
    assert b"OCSP Response Status: successful" in done.stdout


@pytest.mark.parametrize("protocol", PROGRAMS)
def test_the_projects_own_client_begins_in_the_clear(nginx: Nginx, scene: Scene, protocol: str) -> None:
    """And says no where somebody took the offer of STARTTLS away, before it says who it is."""

    def begin(port: int) -> JudgedConnection:
        place = Destination(HOST, port, "/", protocol)
        return connect(place, context_of(scene), Deadline(SECONDS), lambda *_: [LOOPBACK])

    write_staples(scene, nginx)
    honest, stripped = free_port(), free_port()
    nginx.start(
        mail=server(nginx, honest, protocol, scene.site)
        + server(nginx, stripped, protocol, scene.site, options="starttls off;")
    )
    connection = begin(honest)
    assert connection.verdict.outcome is Outcome.ACCEPTED
    assert connection.socket is not None
    connection.socket.close()
    with pytest.raises(VerificationError, match="no STARTTLS") as caught:
        begin(stripped)
    assert caught.value.reason == "handshake-failed"


def test_directives_of_mail_are_checked(nginx: Nginx, scene: Scene) -> None:
    said = nginx.refused(mail=server(nginx, free_port(), "imap", scene.site, options="voucher_max_size 100;"))
    assert '"voucher_max_size" is 100; expected 512 to 64000 octets' in said
    info = nginx.home / "serverinfo.pem"
    info.write_text("-----BEGIN SERVERINFOV2 FOR voucher-----\nAAARgP9NAAA=\n-----END SERVERINFOV2 FOR voucher-----\n")
    taken = f"starttls on; ssl_conf_command ServerInfoFile {info};"
    both = server(nginx, free_port(), "smtp", scene.site) + server(
        nginx, free_port(), "imap", scene.site, options=taken
    )
    assert 'take "ssl_conf_command ServerInfoFile" out of it' in nginx.refused(mail=both)
