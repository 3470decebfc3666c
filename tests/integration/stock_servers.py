"""Stock servers on loopback that take OpenSSL's ServerInfoFile, out of the distribution's packages, and HAProxy."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.protocol.pki.identity import certificate_hash
from tests.patience import SECONDS
from tests.pki import Issued
from tests.ports import free_port

_NGINX: Final = """
pid {home}/nginx.pid; error_log {home}/nginx.log; user root; daemon off; worker_processes 1;
events {{}}
http {{ access_log off;
  {servers}
}}
"""
_NGINX_SERVER: Final = """
  server {{ listen 127.0.0.1:{port} ssl; server_name {name}; ssl_protocols TLSv1.2 TLSv1.3; {certificates}
            {more} location / {{ return 200 "stock\\n"; }} }}
"""
_APACHE: Final = """
ServerRoot {home}
ServerName localhost
PidFile {home}/apache.pid
ErrorLog {home}/apache.log
User nobody
Group nogroup
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Mutex file:{home}
Listen 127.0.0.1:{port}
SSLEngine on
SSLCertificateFile {chain}
SSLOpenSSLConfCmd ServerInfoFile {info}
"""
_STUNNEL: Final = """
foreground = yes
pid =
output = {home}/stunnel.log
[https]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:9
cert = {chain}
config = Certificate:{chain}
config = PrivateKey:{chain}
config = ServerInfoFile:{info}
"""
_NAMED: Final = "config = Certificate:{chain}\nconfig = PrivateKey:{chain}\n"
_LIGHTTPD: Final = """
server.modules = ("mod_openssl")
server.document-root = "{home}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{home}/lighttpd.log"
ssl.engine = "enable"
ssl.pemfile = "{chain}"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2",
  "Certificate" => "{chain}", "PrivateKey" => "{chain}", "ServerInfoFile" => "{info}")
"""

_STREAM: Final = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
pid {home}/nginx.pid; error_log {home}/nginx.log; user root; daemon off; worker_processes 1;
events {{}}
stream {{
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; ssl_certificate_key {chain};
            ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command ServerInfoFile {info};
            proxy_protocol on; proxy_pass 127.0.0.1:{behind}; }}
}}
"""
_HAPROXY: Final = """
global
  stats socket {home}/haproxy.sock level admin
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 30s
frontend terminates
  bind 127.0.0.1:{port} ssl crt {chain}
  http-request return status 200 content-type text/plain string haproxy
frontend behind
  bind 127.0.0.1:{behind} accept-proxy
  http-request return status 200 content-type text/plain lf-string %[src]
"""


@dataclass(frozen=True)
class Shown:
    """One certificate of a server, and its ServerInfoFile, if it has one."""

    site: Issued
    info: bytes | None
    name: str = "_"


@contextmanager
def nginx(home: Path, *servers: list[Shown]) -> Iterator[int]:
    """Run nginx with these servers at one port, the first the default; each shows one certificate or several."""
    port, texts = free_port(), []
    for each in servers:
        certificates, infos = "", ""
        for shown in each:
            chain, info = _write(home, shown)
            certificates += f"ssl_certificate {chain}; ssl_certificate_key {chain}; "
            infos += f"ssl_conf_command ServerInfoFile {info}; " if info else ""
        texts.append(_NGINX_SERVER.format(port=port, name=each[0].name, certificates=certificates, more=infos))
    config = home / "nginx.conf"
    config.write_text(_NGINX.format(home=home, servers="".join(texts)))
    with in_foreground(["nginx", "-c", str(config), "-e", str(home / "nginx.log")], home, port):
        yield port


def _one(template: str, *command: str) -> Callable[[Path, Shown], object]:
    @contextmanager
    def serve(home: Path, shown: Shown) -> Iterator[int]:
        port, (chain, info), config = free_port(), _write(home, shown), home / "server.conf"
        config.write_text(template.format(home=home, port=port, chain=chain, info=info))
        with in_foreground([word.format(config=config) for word in command], home, port):
            yield port

    return serve


apache = _one(_APACHE, "apache2", "-X", "-f", "{config}")
stunnel = _one(_STUNNEL, "stunnel4", "{config}")
plain_stunnel = _one(_STUNNEL.replace(_NAMED, ""), "stunnel4", "{config}")
lighttpd = _one(_LIGHTTPD, "lighttpd", "-D", "-f", "{config}")


@contextmanager
def haproxy(home: Path, site: Issued, staple: bytes) -> Iterator[tuple[int, int, Path]]:
    """Run HAProxy with a certificate and a first staple; yields its TLS port, the one behind, its runtime socket."""
    port, behind, (chain, _) = free_port(), free_port(), _write(home, Shown(site, None))
    Path(f"{chain}.ocsp").write_bytes(staple)
    Path(f"{chain}.issuer").write_bytes(site.issuer.pem if site.issuer else b"")
    config = home / "haproxy.cfg"
    config.write_text(_HAPROXY.format(home=home, port=port, behind=behind, chain=chain))
    with in_foreground(["haproxy", "-db", "-f", str(config)], home, port):
        yield port, behind, home / "haproxy.sock"


@contextmanager
def nginx_stream(home: Path, shown: Shown, behind: int) -> Iterator[int]:
    """Run nginx as what ends TLS and staples in front of a port that takes the PROXY protocol."""
    port, (chain, info), config = free_port(), _write(home, shown), home / "stream.conf"
    config.write_text(_STREAM.format(home=home, port=port, chain=chain, info=info, behind=behind))
    with in_foreground(["nginx", "-c", str(config), "-e", str(home / "nginx.log")], home, port):
        yield port


def _write(home: Path, shown: Shown) -> tuple[Path, Path | None]:
    stem = f"{shown.name}-{certificate_hash(shown.site.der).hex()[:8]}"
    chain, info = home / f"{stem}.pem", home / f"{stem}.info"
    chain.write_bytes(shown.site.chain_pem + shown.site.key_pem)
    chain.chmod(0o600)
    if shown.info is None:
        return chain, None
    info.write_bytes(shown.info)
    return chain, info


@contextmanager
def in_foreground(command: list[str], home: Path, port: int) -> Iterator[None]:
    """Run a server in the foreground until it listens."""
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/bin"}
    program = shutil.which(command[0], path=environment["PATH"])
    assert program, f"{command[0]} is not installed; run make test-deps"
    with (home / "said").open("wb") as said:
        server = subprocess.Popen([program, *command[1:]], env=environment, stdout=said, stderr=said)
    try:
        end = time.monotonic() + SECONDS
        while not _listens(port):
            assert server.poll() is None, (home / "said").read_text()
            assert time.monotonic() < end
        yield
    finally:
        server.terminate()
        server.wait(SECONDS)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
