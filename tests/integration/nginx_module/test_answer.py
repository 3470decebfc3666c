"""Which vouchers the module sends, and where: rules T2, T6, T7 and T8."""

from datetime import timedelta

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import Extension
from mecai.protocol.pki.identity import address_octets
from tests.integration.nginx_module.server import Nginx, Staples
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.tls import GET, TLS12, TLS13, TLSRemoteAlert, ask
from tests.pki import Hierarchy, rsa_key
from tests.ports import free_port
from tests.scene import Scene, authority_entry

UNRECOGNIZED_NAME = 112
BOTH = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])


def va(hierarchy: Hierarchy) -> bytes:
    """Return the id of a hierarchy's authority."""
    return authority_entry(hierarchy).authority


def padded(scene: Scene, hierarchy: Hierarchy, size: int) -> bytes:
    """Return a voucher that is larger by `size` octets: an extension nobody knows and nobody must."""
    return scene.voucher(hierarchy, extensions=(Extension("1.3.6.1.4.1.32473.9", critical=False, value=bytes(size)),))


@pytest.fixture
def vouchers(nginx: Nginx, scene: Scene) -> dict[str, bytes]:
    """Vouchers of birch, cedar and dogwood for the site, in place."""
    made = {}
    for hierarchy in (scene.birch, scene.cedar, scene.dogwood):
        made[hierarchy.name] = scene.voucher(hierarchy)
        nginx.staples.voucher(scene.site, va(hierarchy), made[hierarchy.name])
    return made


@pytest.fixture
def port(nginx: Nginx, scene: Scene, vouchers: dict[str, bytes]) -> int:
    """Give a server with the three vouchers."""
    del vouchers
    number = free_port()
    nginx.start(nginx.server(number, scene.site))
    return number


@BOTH
def test_client_order_and_quorum(port: int, scene: Scene, vouchers: dict[str, bytes], version: tuple[int, int]) -> None:
    order = (b"stranger", va(scene.dogwood), va(scene.birch), va(scene.cedar))
    for quorum, expected in ((1, ["dogwood"]), (2, ["dogwood", "birch"]), (4, ["dogwood", "birch", "cedar"])):
        answer = ask(port, RequestExtension(quorum, order).encode(), version=version)
        assert answer.vouchers == tuple(vouchers[name] for name in expected)
        assert answer.elsewhere == 0
    assert ask(port, RequestExtension(1, (b"stranger",)).encode(), version=version).extension is None


def test_cached_vouchers_count_and_are_left_out(port: int, scene: Scene, vouchers: dict[str, bytes]) -> None:
    have = parse_voucher(vouchers["birch"]).hash
    candidates = (va(scene.birch), va(scene.cedar))
    assert ask(port, RequestExtension(1, candidates, cached=(bytes(32), have)).encode()).vouchers == ()
    assert ask(port, RequestExtension(2, candidates, cached=(have,)).encode()).vouchers == (vouchers["cedar"],)
    assert ask(port, RequestExtension(1, candidates, cached=(bytes(32),)).encode()).vouchers == (vouchers["birch"],)


def test_contexts_filter(nginx: Nginx, scene: Scene) -> None:
    plain = scene.voucher(scene.birch, trust_contexts=())
    several = scene.voucher(scene.cedar, trust_contexts=("CHROME-1", "MOZ"))
    nginx.staples.voucher(scene.site, va(scene.birch), plain)
    nginx.staples.voucher(scene.site, va(scene.cedar), several)
    port = free_port()
    nginx.start(nginx.server(port, scene.site))
    candidates = (va(scene.birch), va(scene.cedar))
    assert ask(port, RequestExtension(2, candidates).encode()).vouchers == (plain, several)
    assert ask(port, RequestExtension(2, candidates, contexts=("MOZ",)).encode()).vouchers == (several,)
    assert ask(port, RequestExtension(2, candidates, contexts=("OTHER", "CHROME-1")).encode()).vouchers == (several,)
    assert ask(port, RequestExtension(2, candidates, contexts=("MO", "MOZZ", "CHROME-")).encode()).vouchers is None


def test_ten_minutes_must_be_left(nginx: Nginx, scene: Scene) -> None:
    now = Site.now()  # the scene is as old as the run
    enough = scene.voucher(scene.cedar, next_update=now + timedelta(seconds=600 + 300))
    short = scene.voucher(scene.birch, next_update=now + timedelta(seconds=599))
    nginx.staples.voucher(scene.site, va(scene.birch), short)
    nginx.staples.voucher(scene.site, va(scene.cedar), enough)
    port = free_port()
    nginx.start(nginx.server(port, scene.site))
    assert ask(port, RequestExtension(2, (va(scene.birch), va(scene.cedar))).encode()).vouchers == (enough,)


def test_what_does_not_fit_gives_way(nginx: Nginx, scene: Scene) -> None:
    large, small = padded(scene, scene.birch, 6000), scene.voucher(scene.cedar)
    nginx.staples.voucher(scene.site, va(scene.birch), large)
    nginx.staples.voucher(scene.site, va(scene.cedar), small)
    by_default, tight, wide = free_port(), free_port(), free_port()
    nginx.log_level = "info"
    nginx.start(
        nginx.server(by_default, scene.site)
        + nginx.server(tight, scene.site, options=f"voucher_max_size {len(small) + 4};")
        + nginx.server(wide, scene.site, options="voucher_max_size 64000;")
    )
    both = RequestExtension(2, (va(scene.birch), va(scene.cedar))).encode()
    assert ask(by_default, both).vouchers == (small,)
    assert ask(tight, both).vouchers == (small,)
    assert ask(wide, both).vouchers == (large, small)
    assert ask(by_default, RequestExtension(1, (va(scene.birch),)).encode()).vouchers is None
    assert "left out, because the answer may have 7168 octets" in nginx.log


@BOTH
def test_hard_limit(nginx: Nginx, scene: Scene, version: tuple[int, int]) -> None:
    """Sixteen vouchers of 6 KB are more than a handshake takes: as many as fit, and the handshake goes on."""
    hierarchies = [Hierarchy(f"ca{number}", scene.now) for number in range(16)]
    for hierarchy in hierarchies:
        nginx.staples.voucher(scene.site, va(hierarchy), padded(scene, hierarchy, 4000))
    port = free_port()
    nginx.start(nginx.server(port, scene.site, options="voucher_max_size 64000;"))
    answer = ask(port, RequestExtension(16, tuple(map(va, hierarchies))).encode(), version=version)
    assert answer.extension is not None
    assert 57_000 < len(answer.extension) <= 64_000


def test_hard_limit_beside_a_staple(nginx: Nginx, scene: Scene) -> None:
    """One CertificateEntry of TLS 1.3 holds both: the vouchers give way."""
    hierarchies = [Hierarchy(f"ca{number}", scene.now) for number in range(16)]
    for hierarchy in hierarchies:
        nginx.staples.voucher(scene.site, va(hierarchy), padded(scene, hierarchy, 4000))
    response = scene.alder.ocsp_of_size(scene.site, LIMITS.ocsp_staple_size)
    nginx.staples.put(scene.site, "ocsp.der", response)
    port = free_port()
    nginx.start(nginx.server(port, scene.site, options="voucher_max_size 64000; voucher_ocsp on;"))
    answer = ask(port, RequestExtension(16, tuple(map(va, hierarchies))).encode(), status=True)
    assert (answer.staple or b"").endswith(response)
    assert 40_000 < len(answer.extension or b"") <= 64_000 - len(response)


def test_each_server_has_its_own_directory(nginx: Nginx, scene: Scene, vouchers: dict[str, bytes]) -> None:
    other = Staples(nginx.home / "other")
    renewed = scene.voucher(scene.birch, serial_number=2)
    other.voucher(scene.site, va(scene.birch), renewed)
    port, elsewhere = free_port(), free_port()
    nginx.start(
        nginx.server(port, scene.site) + nginx.server(elsewhere, scene.site, options=f"voucher_directory {other.root};")
    )
    request = RequestExtension(1, (va(scene.birch),)).encode()
    assert ask(port, request).vouchers == (vouchers["birch"],)
    assert ask(elsewhere, request).vouchers == (renewed,)


def test_voucher_for_the_address_goes_first(nginx: Nginx, scene: Scene) -> None:
    elsewhere = scene.voucher(scene.birch)
    local = scene.voucher(scene.birch, addresses=(address_octets("127.0.0.1"),))
    public = scene.voucher(scene.birch, addresses=(address_octets("2001:db8::1"), address_octets("192.0.2.1")))
    for label, der in (("-a", elsewhere), ("-b", local), ("-c", public)):
        nginx.staples.voucher(scene.site, va(scene.birch), der, label)
    plain, behind_nat, unknown, proxied = (free_port() for _ in range(4))
    nginx.start(
        nginx.server(plain, scene.site)
        + nginx.server(behind_nat, scene.site, options="voucher_public_address 198.51.100.7 2001:db8::1;")
        + nginx.server(unknown, scene.site, options="voucher_public_address 203.0.113.9;")
        + nginx.server(proxied, scene.site, listen="ssl proxy_protocol")
    )
    request = RequestExtension(1, (va(scene.birch),)).encode()
    assert ask(plain, request).vouchers == (local,)
    assert ask(behind_nat, request).vouchers == (public,)
    assert ask(unknown, request).vouchers == (elsewhere,)
    preface = b"PROXY TCP4 203.0.113.5 192.0.2.1 4711 443\r\n"
    assert ask(proxied, request, preface=preface).vouchers == (public,)
    assert ask(proxied, request, preface=b"PROXY UNKNOWN\r\n").vouchers == (local,)


@BOTH
def test_two_certificates_in_one_server(nginx: Nginx, scene: Scene, version: tuple[int, int]) -> None:
    other = scene.alder.server("www.example.test", server_key=rsa_key("www"))
    vouchers = {}
    for key_type, site in (("ecdsa", scene.site), ("rsa", other)):
        vouchers[key_type] = scene.voucher(scene.birch, site=site)
        nginx.staples.voucher(site, va(scene.birch), vouchers[key_type])
    port = free_port()
    nginx.start(nginx.server(port, scene.site, other))
    for key_type, site in (("rsa", other), ("ecdsa", scene.site)):
        answer = ask(port, RequestExtension(1, (va(scene.birch),)).encode(), key_type=key_type, version=version)
        assert answer.certificate == site.der
        assert answer.vouchers == (vouchers[key_type],)


@BOTH
def test_server_name_selects(nginx: Nginx, scene: Scene, version: tuple[int, int]) -> None:
    """The default server has no voucher; what SNI selects has, and a third has the module off."""
    other, off = scene.alder.server("other.example.test"), scene.alder.server("off.example.test")
    voucher = scene.voucher(scene.birch, site=other)
    nginx.staples.voucher(other, va(scene.birch), voucher)
    nginx.staples.voucher(off, va(scene.birch), scene.voucher(scene.birch, site=off))
    port = free_port()
    nginx.start(
        nginx.server(port, scene.site, options="voucher off; server_name www.example.test;")
        + nginx.server(port, other, options="server_name other.example.test;")
        + nginx.server(port, off, options="voucher off; server_name off.example.test;")
    )
    request = RequestExtension(1, (va(scene.birch),)).encode()
    assert ask(port, request, version=version).vouchers is None
    assert ask(port, request, name="other.example.test", version=version).vouchers == (voucher,)
    assert ask(port, request, name="off.example.test", version=version).vouchers is None
    assert ask(port, request, name=None, version=version).certificate == scene.site.der


@BOTH
def test_rejected_handshake_and_servers_without_tls(
    nginx: Nginx, scene: Scene, vouchers: dict[str, bytes], version: tuple[int, int]
) -> None:
    port, plain = free_port(), free_port()
    nginx.start(
        f"server {{ listen 127.0.0.1:{port} ssl default_server; ssl_reject_handshake on; }}"
        f"server {{ listen 127.0.0.1:{plain}; return 200 plain; }}"
        + nginx.server(port, scene.site, options="server_name www.example.test;")
    )
    request = RequestExtension(1, (va(scene.birch),)).encode()
    with pytest.raises(TLSRemoteAlert) as caught:
        ask(port, request, name="unknown.example.test", version=version)
    assert caught.value.description == UNRECOGNIZED_NAME
    assert ask(port, request, version=version).vouchers == (vouchers["birch"],)


@BOTH
def test_resumption_carries_no_voucher(port: int, scene: Scene, version: tuple[int, int]) -> None:
    request = RequestExtension(1, (va(scene.birch),)).encode()
    first = ask(port, request, version=version, send=GET)
    assert first.vouchers is not None
    second = ask(port, request, version=version, session=first.session, send=GET)
    assert second.resumed
    assert second.vouchers is None
    assert second.body.endswith(b"hello")


def test_http2(nginx: Nginx, scene: Scene, vouchers: dict[str, bytes]) -> None:
    port = free_port()
    nginx.start(nginx.server(port, scene.site, listen="ssl http2"))
    answer = ask(port, RequestExtension(1, (va(scene.birch),)).encode(), alpn=["h2", "http/1.1"])
    assert answer.vouchers == (vouchers["birch"],)


@BOTH
def test_stream(nginx: Nginx, scene: Scene, vouchers: dict[str, bytes], version: tuple[int, int]) -> None:
    """Both modules in one nginx, each with its own servers."""
    port, web = free_port(), free_port()
    block = nginx.server(port, scene.site).replace("return 200", "return")
    nginx.start(nginx.server(web, scene.site, options="voucher off;"), block)
    request = RequestExtension(1, (va(scene.birch),)).encode()
    answer = ask(port, request, version=version, send=b"")
    assert answer.vouchers == (vouchers["birch"],)
    assert answer.body == b"hello"
    assert ask(web, request, version=version).vouchers is None
