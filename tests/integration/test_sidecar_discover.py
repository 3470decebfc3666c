"""`mecai sidecar discover` beside a real nginx."""

import subprocess
import tomllib
from pathlib import Path

from tests.integration.vouching import BIN, run
from tests.pki import Hierarchy

CONF = """
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
events {{}}
pid {folder}/pid;
http {{
    access_log off;
    include sites/*;
}}
mail {{
    auth_http 127.0.0.1/;
    ssl_certificate mail.pem;
    ssl_certificate_key tls.key;
    server {{ listen 127.0.0.9:993 ssl; protocol imap; server_name mail.example.test; }}
    server {{ listen 127.0.0.9:143; protocol imap; starttls on; ssl_certificate b.example.test.pem; }}
}}
"""
SITE = """
server {{
    listen 443 ssl;
    listen 127.0.0.1:853 ssl;
    server_name "{name}" *.{name};
    ssl_certificate {chain}; # relative
    ssl_certificate_key tls.key;
}}
"""


def write(folder: Path) -> Path:
    """Write the configuration of two servers; return a program that is nginx with it."""
    site = Hierarchy("alder").server("www.example.test")
    (folder / "sites").mkdir()
    (folder / "tls.key").write_bytes(site.key_pem)
    for name in ("a.example.test", "b.example.test"):
        (folder / f"{name}.pem").write_bytes(site.chain_pem)
        (folder / "sites" / name).write_text(SITE.format(name=name, chain=f"{name}.pem"))
    (folder / "mail.pem").write_bytes(site.chain_pem)
    (folder / "nginx.conf").write_text(CONF.format(folder=folder))
    program = folder / "nginx"
    program.write_text(f'#!/bin/sh\nexec nginx -c {folder}/nginx.conf -e stderr "$@"\n')
    program.chmod(0o755)
    return program


def test_the_certificates_of_an_nginx(tmp_path: Path) -> None:
    program, out = write(tmp_path), tmp_path / "entries.toml"
    run(BIN / "mecai", "sidecar", "discover", "--nginx", program, "--address", "192.0.2.1", "--out", out)
    assert tomllib.loads(out.read_text())["certificate"] == [
        {
            "chain": f"{tmp_path}/{name}.pem",
            "addresses": ["192.0.2.1"],
            "port": 443,
            "server_name": name,
        }
        for name in ("a.example.test", "b.example.test")
    ] + [
        {
            "chain": f"{tmp_path}/mail.pem",
            "addresses": ["127.0.0.9"],
            "port": 993,
            "server_name": "mail.example.test",
        },
    ]
    assert "b.example.test.pem: is shown after STARTTLS" in out.read_text()
    assert "is shown at port 853 too; asked for at 443" in out.read_text()


def test_a_path_that_is_no_text_is_a_remark_and_no_traceback(tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    server = b"http { server { listen 192.0.2.1:443 ssl; ssl_certificate /caf\xe9.pem; } }"
    printed.write_bytes(b"# configuration file /etc/nginx/nginx.conf:\n" + server)
    for words in ((), ("--out", tmp_path / "entries.toml")):
        run(BIN / "mecai", "sidecar", "discover", "--printed", printed, *words)
    assert (tmp_path / "entries.toml").read_text().startswith("# left out: /caf\ufffd.pem: its name is no UTF-8")


def test_an_nginx_that_refuses_its_configuration_says_why(tmp_path: Path) -> None:
    program = write(tmp_path)
    (tmp_path / "tls.key").unlink()
    command = [str(BIN / "mecai"), "sidecar", "discover", "--nginx", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "tls.key" in done.stderr
