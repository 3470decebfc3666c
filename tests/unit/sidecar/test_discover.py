"""Entries out of what `nginx -T` prints: each way in which a server can show a certificate, and what is no such way."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mecai.errors import InputError
from mecai.sidecar.config import CertificateEntry, read_config
from mecai.sidecar.discover import discover
from mecai.sidecar.nginx import parse

MAIN = """# configuration file /etc/nginx/nginx.conf:
user www-data; # a comment; with marks { }
events { }
http {
    log_format main '$remote_addr "$request" { ; }';
    map $ssl_server_name $chain { default "a b"; ~^x{2,3}$ y; }
    include sites/*.conf;
    include nothing/*.conf;
}
# configuration file /etc/nginx/sites/www.conf:
%s
# configuration file /etc/nginx/elsewhere.conf:
server { listen 443 ssl; ssl_certificate not-included.pem; }
"""


def entries(sites: str, *addresses: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(text(sites, *addresses)).get("certificate", [])
    return found


def text(sites: str, *addresses: str) -> str:
    return discover(parse(MAIN % sites), addresses).text()


def test_a_server_at_an_address() -> None:
    site = (
        'server { listen 192.0.2.1:443 ssl http2; server_name ~^x$ _ www.example.test; ssl_certificate "tls/w w.pem"; }'
    )
    assert entries(site) == [
        {
            "chain": "/etc/nginx/tls/w w.pem",
            "addresses": ["192.0.2.1"],
            "port": 443,
            "server_name": "www.example.test",
        }
    ]


@pytest.mark.parametrize("listen", ["443", "*:443", "0.0.0.0:443", "[::]:443", "name.test:443"])
def test_a_server_at_every_address_takes_those_that_are_given(listen: str) -> None:
    site = f"server {{ listen {listen} ssl; ssl_certificate /c.pem; }}"
    assert entries(site, "192.0.2.1", "2001:db8::1")[0]["addresses"] == ["192.0.2.1", "2001:db8::1"]
    with pytest.raises(InputError, match="say which clients see: --address"):
        entries(site)


@pytest.mark.parametrize(
    ("listen", "shown"),
    [
        ("[2001:db8::1]:853 ssl", ("2001:db8::1", 853)),
        ("192.0.2.1:443 quic reuseport", ("192.0.2.1", 443)),
        ("192.0.2.1 ssl", ("192.0.2.1", 80)),
    ],
)
def test_forms_of_listen(listen: str, shown: tuple[str, int]) -> None:
    (entry,) = entries(f"server {{ listen {listen}; ssl_certificate /c.pem; }}")
    assert (entry["addresses"], entry["port"]) == ([shown[0]], shown[1])


@pytest.mark.parametrize(
    "site",
    [
        "server { listen 192.0.2.1:80; ssl_certificate /c.pem; }",
        "server { listen unix:/run/x ssl; ssl_certificate /c.pem; }",
        "server { listen 192.0.2.1:443 ssl; }",
        "server { ssl_certificate /c.pem; }",
    ],
)
def test_who_shows_none(site: str) -> None:
    assert entries(site) == []


def test_one_of_the_level_above_holds_where_a_server_has_none() -> None:
    sites = """
        ssl_certificate /all.pem;
        server { listen 192.0.2.1:443 ssl; }
        server { listen 192.0.2.2:443 ssl; ssl_certificate /rsa.pem; ssl_certificate /ec.pem; }
    """
    assert {each["chain"]: each["addresses"] for each in entries(sites)} == {
        "/all.pem": ["192.0.2.1"],
        "/rsa.pem": ["192.0.2.2"],
        "/ec.pem": ["192.0.2.2"],
    }


def test_one_certificate_of_several_servers_is_one_entry_with_all_addresses() -> None:
    sites = "".join(
        f"server {{ listen {address} ssl; ssl_certificate /c.pem; }}"
        for address in ("192.0.2.1:443", "192.0.2.2:443", "192.0.2.1:443")
    )
    assert entries(sites) == [{"chain": "/c.pem", "addresses": ["192.0.2.1", "192.0.2.2"], "port": 443}]


@pytest.mark.parametrize(
    ("site", "remark"),
    [
        ("listen 192.0.2.1:8443 ssl; ssl_certificate /c.pem;", "/c.pem at port 8443: no Voucher Authority probes it"),
        ("listen 192.0.2.1:443 ssl; ssl_certificate $chain.pem;", "$chain.pem: is no file that stays the same"),
        ("listen 192.0.2.1:443 ssl; ssl_certificate data:$x;", "data:$x: is no file"),
        (
            "listen 192.0.2.1:853 ssl; listen 192.0.2.1:443 ssl; ssl_certificate /c.pem;",
            "port 853 too; asked for at 443",
        ),
    ],
)
def test_what_is_left_out_is_told(site: str, remark: str) -> None:
    found = text(f"server {{ {site} }}")
    assert remark in found
    tomllib.loads(found)


def test_a_hostile_path_stays_a_string() -> None:
    path = '/x"]\\n[[certificate]]\\\\'
    (entry,) = entries(f"server {{ listen 192.0.2.1:443 ssl; ssl_certificate '{path}'; }}")
    assert set(entry) == {"chain", "addresses", "port"}


@pytest.mark.parametrize(
    "path", ["/a\nb.pem", "/a\x7f\x1b[2J.pem", "/\u00e9\U0001f512.pem", "/a\\tb.pem", '/a\\"b.pem']
)
def test_every_path_that_is_text_can_be_read_again(path: str) -> None:
    word = path.replace("\\", "\\\\").replace('"', '\\"')
    (entry,) = entries(f'server {{ listen 192.0.2.1:443 ssl; ssl_certificate "{word}"; }}')
    assert entry["chain"] == path


def test_a_path_that_is_no_text_is_left_out() -> None:
    octets = b"/caf\xe9.pem".decode(errors="surrogateescape")
    found = text(f"server {{ listen 192.0.2.1:443 ssl; server_name {octets}; ssl_certificate {octets}; }}")
    assert "left out: /caf\ufffd.pem: its name is no UTF-8" in found
    assert tomllib.loads(found.encode().decode()) == {}


def test_a_name_that_is_no_text_is_no_name() -> None:
    octets = b"caf\xe9".decode(errors="surrogateescape")
    (entry,) = entries(f"server {{ listen 192.0.2.1:443 ssl; server_name {octets} x.test; ssl_certificate /c.pem; }}")
    assert entry["server_name"] == "x.test"


def test_a_remark_stays_a_comment() -> None:
    found = text("server { listen 192.0.2.1:8443 ssl; ssl_certificate '/a\n[[certificate]]\nchain = 1'; }")
    assert tomllib.loads(found) == {}
    with pytest.raises(InputError) as refused:
        text("server { listen 443 ssl; ssl_certificate '/a\nb'; }")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["stream", "mail"])
def test_other_servers_too(kind: str) -> None:
    printed = (
        f"# configuration file /n.conf:\n{kind} {{ server {{ listen 192.0.2.1:993 ssl; ssl_certificate c.pem; }} }}\n"
    )
    assert tomllib.loads(discover(parse(printed), ()).text())["certificate"][0]["port"] == 993


@pytest.mark.parametrize(("before", "inside", "told"), [
    ("starttls on;", "", True), ("", "starttls only;", True), ("starttls on;", "starttls off;", False), ("", "", False),
])  # fmt: skip
def test_a_mail_server_that_begins_in_the_clear_needs_another_port(before: str, inside: str, told: bool) -> None:
    server = f"server {{ listen 192.0.2.1:143; {inside} }}"
    printed = f"# configuration file /n.conf:\nmail {{ ssl_certificate /c.pem; {before} {server} }}\n"
    found = discover(parse(printed), ()).text()
    assert ("# /c.pem: is shown after STARTTLS" in found) is told
    assert tomllib.loads(found) == {}


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ("", "printed no configuration file"),
        ("# configuration file /n.conf:\n} http {\n", "a block ends that did not begin"),
        ("# configuration file /n.conf:\ninclude n.conf;\n", "deep in each other"),
        ("# configuration file /n.conf:\n" + "a {" * 100 + "\n", "deep in each other"),
        ("# configuration file /n.conf:\n\\", "line 2 cannot be read"),
    ],
)
def test_what_is_no_configuration(printed: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        parse(printed)


def test_the_entries_are_settings(tmp_path: Path) -> None:
    site = "server { listen 192.0.2.1:443 ssl; server_name www.example.test; ssl_certificate /c.pem; }"
    (tmp_path / "sidecar.toml").write_text(text(site))
    entry = CertificateEntry(Path("/c.pem"), ("192.0.2.1",), 443, "www.example.test")
    assert read_config(tmp_path / "sidecar.toml").certificates == (entry,)
