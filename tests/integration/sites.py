"""TLS servers to be probed: one nginx on loopback that shows many certificates, chosen by name, at many addresses."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_NGINX: Final = """
worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.log;
user root;
events {{}}
http {{
  access_log off; server_names_hash_max_size 4096; server_names_hash_bucket_size 128;
  {servers}
}}
"""
_SERVER: Final = """
  server {{
    {listen}
    server_name {name};
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_session_cache off; ssl_session_tickets off;
  }}
"""


def serve_by_nginx(
    stack: ExitStack, home: Path, chains: Mapping[str, Path], addresses: Sequence[str], port: int
) -> None:
    """Show each name's chain at each address; its key lies beside it, in `.key.pem`. It listens when this returns."""
    listen = " ".join(f"listen {address}:{port} ssl;" for address in addresses)
    servers = [
        _SERVER.format(listen=listen, name=name, chain=chain, key=chain.with_suffix(".key.pem"))
        for name, chain in chains.items()
    ]
    config = home / "nginx.conf"
    config.write_text(_NGINX.format(home=home, servers="".join(servers)))
    nginx = shutil.which("nginx")
    if nginx is None:
        raise RuntimeError("nginx is not installed; run make test-deps")
    command = [nginx, "-c", config, "-e", home / "nginx.log"]
    subprocess.run(command, check=True)
    stack.callback(subprocess.run, [*command, "-s", "stop"], check=True)
