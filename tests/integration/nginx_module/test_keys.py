"""Keys that are in no file: nginx signs with a token of PKCS #11, by an engine or a provider; staples are as ever."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.nginx_module import key_token
from tests.integration.nginx_module.key_token import Token
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.test_matrix import needs
from tests.integration.nginx_module.test_ocsp import s_client
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.pki import rsa_key

Way = Callable[[Nginx, Token, str], str]


@pytest.fixture
def token(tmp_path: Path) -> Token:
    """Give an empty token."""
    token = Token(tmp_path / "token")
    token.make()
    return token


def engine(nginx: Nginx, token: Token, uri: str) -> str:
    """Return nginx's word for a key by an engine (OpenSSL before 4)."""
    assert key_token.engine().exists(), "install libengine-pkcs11-openssl"
    token.by_engine()
    nginx.forgive("rdrand.so: cannot open")  # libp11 0.4.21 leaves in OpenSSL's queue that it found no such engine
    return f"engine:pkcs11:{uri}"


def provider_by_file(_nginx: Nginx, token: Token, uri: str) -> str:
    """Return a file that names the key, for an nginx that knows no providers; OpenSSL hands it to the provider."""
    if not key_token.provider().exists():
        pytest.skip("Debian 12 has no pkcs11-provider")
    token.by_provider()
    file = token.home / "pointer.pem"
    file.write_bytes(token.pointer(uri))
    return str(file)


def store(_nginx: Nginx, token: Token, uri: str) -> str:
    """Return nginx's own word for a key by a provider."""
    needs(1, 29, 0)
    token.by_provider()
    return f"store:{uri}"


@pytest.mark.parametrize("way", [engine, provider_by_file, store])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_key_in_a_token(site: Site, nginx: Nginx, token: Token, way: Way, kind: str) -> None:
    scene = site.scene
    shown = scene.site if kind == "ecdsa" else scene.alder.server("www.example.test", server_key=rsa_key("www"))
    key = way(nginx, token, token.take(shown, kind))
    voucher = scene.voucher(scene.birch, site=shown)
    nginx.staples.voucher(shown, site.authority, voucher)
    nginx.staples.put(shown, "ocsp.der", scene.alder.ocsp(shown))
    nginx.variables = token.variables
    server = nginx.server(site.port, shown, options="voucher_ocsp on;")
    for file in nginx.home.glob("*.key"):
        file.unlink()
    nginx.start(re.sub(r"ssl_certificate_key [^;]*", lambda _: f'ssl_certificate_key "{key}"', server))
    for version, option in ((TLS12, "-tls1_2"), (TLS13, "-tls1_3")):
        assert ask(site.port, site.request, version=version).vouchers == (voucher,)
        assert "Cert Status: good" in s_client(site.port, option)
    before = nginx.worker_pids()
    nginx.reload()
    site.until(lambda: not before & nginx.worker_pids())
    assert ask(site.port, site.request).vouchers == (voucher,)
