"""`mecai vas serve --dev`: a node for developers, of one process, on loopback."""

import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mecai.cli.arguments import FILE, now
from mecai.cli.program import later
from mecai.errors import HostError, InputError
from mecai.service import durable
from mecai.service.endpoint import read_endpoint
from mecai.service.logs import log_json
from mecai.vas.storage.database import migrate

if TYPE_CHECKING:
    from mecai.cli.dev_node import DevNode

# What no other verb needs.
_make_node = later("mecai.cli.dev_node:make_node")
_assemble = later("mecai.vas.assembly:assemble")
_make_app = later("mecai.vas.http.app:make_app")
_make_server = later("werkzeug.serving:make_server")

_SERVER: Final = "gunicorn 'mecai.vas.http.app:create_app()'"


@click.command()
@click.option("--dev", is_flag=True, help="Make everything anew: keys, certificates, directory, database.")
@click.option("--listen", default="127.0.0.1:8000", show_default=True, help="ADDRESS:PORT, of loopback.")
@click.option("--hold", type=click.IntRange(0, 3600), default=5, show_default=True, help="Seconds of the hold.")
@click.option("--home", type=FILE, help="An empty folder for all of it, or one to make; otherwise a temporary one.")
def serve(*, dev: bool, listen: str, hold: int, home: Path | None) -> None:
    """Run a node for a developer, until it is interrupted. Nothing that it makes is to be trusted."""
    if not dev:
        raise InputError(f"serve: is for developers, with --dev; a server is run by {_SERVER}")
    with _door(*_loopback(listen)) as door:
        node = _make_node(_folder(home), hold)
        parts = _assemble(node.config, now, fetch=node.fetch)
        migrate(parts.engine)
        host, port = door.getsockname()[:2]
        server = _make_server(host, port, _make_app(parts), threaded=True, fd=door.fileno())
        click.echo(_told(node, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"))
        log_json()
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # what was asked is in the lines of the VAS
        server.serve_forever()


def _loopback(listen: str) -> tuple[str, int]:
    """Read where to listen; raises `InputError` for what others could reach."""
    try:
        address, port = read_endpoint(listen)
    except ValueError as error:
        raise InputError(f"--listen: {error}; expected for example 127.0.0.1:8000") from None
    if not address.is_loopback:
        raise InputError(f"--listen: {address} is not of loopback; a node with throwaway keys is for this host alone")
    return str(address), port


def _door(host: str, port: int) -> socket.socket:
    """Open the port before anything is made."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        seen = os.strerror(error.errno or 0)  # Python adds what is said here already
        raise HostError(f"--listen: {host}, port {port}: cannot be opened ({seen}); name another") from error


def _folder(home: Path | None) -> Path:
    if home is None:
        return Path(tempfile.mkdtemp(prefix="mecai-vas-"))
    with durable.host_errors(home, "made"):
        home.mkdir(mode=0o700, exist_ok=True)
        if any(home.iterdir()):
            raise InputError(f"--home: {home} is not empty; name another folder, or none")
    return home.resolve()


def _told(node: "DevNode", url: str) -> str:
    home = node.home
    return f"""\
{home}: made, with throwaway keys
  vas.toml                  settings; mecai vas log --config {home}/vas.toml
  notary/, site/            two CAs; mecai ca list --config {home}/site/ca.toml
  directory.der             lists both; mecai directory view {home}/directory.der
  request.der               asks for the site's certificate at 127.0.0.1, port 443
{url}: ready; the hold lasts {node.config.hold.total_seconds():.0f} s

Is it ready?
  curl -s {url}/readyz

Show the site's certificate (port 443 takes root), and ask for its voucher, again after the hold:
  openssl s_server -accept 127.0.0.1:443 -cert {node.site} -key {node.site_key} -cert_chain {node.site} -quiet
  curl -s -o voucher -w '%{{http_code}}\\n' -H 'Content-Type: application/mecai-voucher-request' \\
    --data-binary @{home}/request.der {url}/v1/vouchers
  mecai voucher verify voucher --chain {node.site} --address 127.0.0.1 \\
    --directory {home}/directory.der --publishers {home}/publisher.pem
"""
