"""`mecai sidecar discover` beside a real nginx."""

import subprocess
import tomllib
from pathlib import Path

from tests.integration.vouching import BIN, run
from tests.pki import Hierarchy

CONF = """
events {{}}
pid {folder}/pid;
http {{
    access_log off;
    include sites/*;
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
    ]
    assert "is shown at port 853 too; asked for at 443" in out.read_text()


def test_an_nginx_that_refuses_its_configuration_says_why(tmp_path: Path) -> None:
    program = write(tmp_path)
    (tmp_path / "tls.key").unlink()
    command = [str(BIN / "mecai"), "sidecar", "discover", "--nginx", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "test failed" in done.stderr or "tls.key" in done.stderr
