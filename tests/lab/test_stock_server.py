"""nginx as Debian has it staples what is exported for it each hour, as OpenSSL sees it, and nothing else of ours."""

import base64
import re
from typing import Any, Final

from mecai.protocol.codec.tls_answer import VOUCHER, decode_vouchers
from testbed.machine.waiting import until
from tests.lab.conftest import Machine, chosen, others
from tests.lab.verdicts import asked

SECONDS: Final = 20  # nginx ends the workers of before in a moment
EXPORT: Final = "mecai-export-site.service"
STAPLES: Final = "/var/lib/mecai-sidecar/staples"
# What OpenSSL prints of an extension's octets, after its number and length.
ANSWER: Final = re.compile(rf"-----BEGIN SERVERINFO FOR EXTENSION {VOUCHER}-----\s(.*?)-----END ", re.DOTALL)
EMPTY: Final = "mecai sidecar export --format serverinfo --empty --out"


def test_there_is_no_module_in_it(stock_server: Machine) -> None:
    assert "voucher" not in stock_server.run("nginx -T 2>&1 | grep --invert-match '^#' | grep load_module || true")
    assert "ssl_conf_command ServerInfoFile" in stock_server.run("nginx -T 2>/dev/null")


def test_openssl_is_shown_a_voucher_of_every_other_owners_authority(client: Machine, stock_server: Machine) -> None:
    kept = stock_server.run(f"for path in {STAPLES}/*/*.voucher; do base64 -w0 $path; echo; done").split()
    assert len(kept) == len(others(stock_server))
    assert set(_stapled(client, stock_server)) == set(map(base64.b64decode, kept))


def test_without_them_clients_refuse_until_the_next_export(stock_server: Machine) -> None:
    """As where somebody strips them; the same site is a site like any other for who knows nothing of vouchers."""
    info, client = _info(stock_server), chosen("client")[0]
    assert _verdict(client, stock_server.told.site) == ("accepted", None)
    stock_server.run(f"rm {info} && {EMPTY} {info} && systemctl reload nginx")
    try:
        _settled(client, stock_server, 0)
        assert _verdict(client, stock_server.told.site) == ("refused", "no-voucher")
    finally:
        stock_server.run(f"systemctl start {EXPORT}")
    _settled(client, stock_server, len(others(stock_server)))
    assert _verdict(client, stock_server.told.site) == ("accepted", None)


def test_nothing_is_reloaded_where_nothing_is_new(stock_server: Machine) -> None:
    before = _workers(stock_server)
    stock_server.run(f"systemctl start {EXPORT}")
    assert _workers(stock_server) == before


def _settled(client: Machine, server: Machine, vouchers: int) -> None:
    """Wait until nginx's workers of before take no connections any more."""
    until(lambda: len(_stapled(client, server)) == vouchers, SECONDS, lambda: "nginx shows what it showed")


def _stapled(client: Machine, server: Machine) -> tuple[bytes, ...]:
    """Return the vouchers that OpenSSL, which knows nothing of them, is shown (by `-serverinfo`, in TLS 1.2 alone)."""
    site = server.told.site
    options = f"-connect {site}:443 -servername {site} -serverinfo {VOUCHER} -tls1_2"
    found = ANSWER.search(client.run(f"openssl s_client {options} </dev/null 2>/dev/null"))
    return decode_vouchers(base64.b64decode(found[1])[4:]) if found else ()


def _verdict(client: Machine, site: str) -> tuple[Any, Any]:
    answer = asked(client, site)
    return answer["verdict"], answer["reason"]


def _info(server: Machine) -> str:
    found = re.search(r'ServerInfoFile "(.*?)"', server.run("nginx -T 2>/dev/null"))
    assert found
    return found[1]


def _workers(server: Machine) -> str:
    return server.run("pgrep --full 'nginx: worker process'")
