"""What `mecai sidecar export` writes, served by servers that know nothing of vouchers (docs/stock-servers.md)."""

import base64
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mecai import tls
from mecai.client import ClientPolicy, Outcome, VoucherContext, VoucherSocket
from mecai.net.dial import dial
from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers
from mecai.service.deadline import Deadline
from mecai.sidecar.export import Export, empty_server_info
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.integration.stock_servers import (
    Shown,
    apache,
    haproxy,
    lighttpd,
    nginx,
    nginx_stream,
    plain_stunnel,
    stunnel,
)
from tests.patience import SECONDS
from tests.pki import key, rsa_key
from tests.unit.client.world import LOOPBACK
from tests.unit.server.shelf import client, vouched, world

NAMES = ("birch", "cedar", "dogwood")
VOUCHERS = tuple(map(vouched, NAMES))
VERSIONS = [TLS12, TLS13]
RSA = world.alder.server("www.example.test", "localhost", server_key=rsa_key("stock"))
OTHER = world.alder.server("other.example.test", server_key=key("other"))
OF_RSA = tuple(world.voucher(getattr(world, name), site=RSA, addresses=LOOPBACK) for name in NAMES)
OF_OTHER = (world.voucher(world.birch, site=OTHER),)


def exported(*vouchers: bytes) -> bytes:
    return Export("www.example.test", vouchers, world.now + timedelta(hours=20), ()).server_info()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_starts_with_an_empty_file_and_answers_nothing(tmp_path: Path, version: Any) -> None:
    with nginx(tmp_path, [Shown(world.site, empty_server_info())]) as port:
        assert ask(port, None, version=version).vouchers is None
        assert ask(port, None, version=version).certificate == world.site.der


def nginx_alone(home: Path, shown: Shown) -> Any:
    return nginx(home, [shown])


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
@pytest.mark.parametrize(
    "serve", [nginx_alone, apache, stunnel, lighttpd], ids=["nginx", "apache", "stunnel", "lighttpd"]
)
def test_a_stock_server_staples_the_whole_set(serve: Any, tmp_path: Path, kind: str) -> None:
    tmp_path.chmod(0o755)
    site = world.site if kind == "ECDSA" else RSA
    vouchers = VOUCHERS if kind == "ECDSA" else OF_RSA
    with serve(tmp_path, Shown(site, exported(*vouchers))) as port:
        for version in VERSIONS:
            assert ask(port, None, version=version).vouchers == vouchers
            assert ask(port, None, voucher=None, version=version).vouchers is None
        context = VoucherContext(ClientPolicy(profile="strict"), world.directory, bytes(32))
        with context.wrap_socket(dial("127.0.0.1", port, Deadline(SECONDS)), server_hostname="localhost") as sock:
            assert isinstance(sock, VoucherSocket)
            assert sock.verdict is not None
            assert (sock.verdict.outcome, len(sock.verdict.vouched)) == (Outcome.ACCEPTED, 3)


def test_commands_before_the_certificate_reach_an_rsa_certificate_alone(tmp_path: Path) -> None:
    """Why stunnel and lighttpd are told the certificate as a command, too: they run commands before they load it."""
    for site, vouchers, found in ((world.site, VOUCHERS, None), (RSA, OF_RSA, OF_RSA)):
        with plain_stunnel(tmp_path, Shown(site, exported(*vouchers))) as port:
            assert ask(port, None).vouchers == found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("default", [None, exported(*OF_OTHER)], ids=["bare default", "stapling default"])
def test_a_name_needs_a_file_in_the_default_server_too(tmp_path: Path, version: Any, default: bytes | None) -> None:
    named = Shown(world.site, exported(*VOUCHERS), "www.example.test")
    with nginx(tmp_path, [Shown(OTHER, default, "other.example.test")], [named]) as port:
        answer = ask(port, None, version=version)
        assert answer.certificate == world.site.der
        assert answer.vouchers == (VOUCHERS if default else None)


def test_of_two_certificates_in_one_server_the_last_alone_has_vouchers(tmp_path: Path) -> None:
    name = "www.example.test"
    with nginx(tmp_path, [Shown(RSA, None, name), Shown(world.site, exported(*VOUCHERS), name)]) as port:
        assert answer_of(port, "RSA") == (RSA.der, None)
        assert answer_of(port, "ECDSA") == (world.site.der, encode_vouchers(VOUCHERS))


def test_two_files_in_one_server_are_refused_at_the_start(tmp_path: Path) -> None:
    name = "www.example.test"
    both = [Shown(RSA, exported(*OF_RSA), name), Shown(world.site, exported(*VOUCHERS), name)]
    with pytest.raises(AssertionError, match="invalid serverinfo data"), nginx(tmp_path, both):
        pass


def test_haproxy_takes_live_ocsp_and_nginx_in_front_has_the_vouchers(tmp_path: Path) -> None:
    first, second = world.alder.ocsp(world.site), world.alder.ocsp(world.site)
    assert first != second
    with haproxy(tmp_path, world.site, first) as (port, behind, runtime):
        assert staple_of(port) == first
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(SECONDS)
            control.connect(str(runtime))
            control.sendall(b"set ssl ocsp-response " + base64.b64encode(second) + b"\n")
            assert b"".join(iter(lambda: control.recv(200), b"")) == b"OCSP Response updated!\n\n"
        assert staple_of(port) == second
        assert ask(port, None).vouchers is None  # it has no ServerInfoFile
        with nginx_stream(tmp_path, Shown(world.site, exported(*VOUCHERS)), behind) as front:
            answer = ask(front, None, send=b"GET / HTTP/1.0\r\n\r\n")
    assert answer.vouchers == VOUCHERS
    assert answer.body.endswith(b"127.0.0.1")  # HAProxy knows the client by the PROXY protocol


def staple_of(port: int) -> bytes | None:
    """Return the OCSP response of a server in TLS 1.3."""
    context = VoucherContext(ClientPolicy(mode="warn"), world.directory, bytes(32))
    with context.wrap_socket(dial("127.0.0.1", port, Deadline(SECONDS)), server_hostname="localhost") as sock:
        assert isinstance(sock, VoucherSocket)
        assert sock.verdict is not None
        return sock.verdict.facts.staple


def answer_of(port: int, kind: str) -> tuple[bytes, bytes | None]:
    """Return certificate and answer for a client that takes one kind of keys, in TLS 1.2."""
    context, exchange = client(ssl.TLSVersion.TLSv1_2), tls.Exchange({VOUCHER: b""})
    context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
    line = dial("127.0.0.1", port, Deadline(SECONDS))
    with context.wrap_socket(line, server_hostname="www.example.test", do_handshake_on_connect=False) as sock:
        tls.attach(sock._sslobj, exchange)  # type: ignore[attr-defined]  # below the public API
        sock.do_handshake()
        return sock.getpeercert(binary_form=True) or b"", exchange.answer
