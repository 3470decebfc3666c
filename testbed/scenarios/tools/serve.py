"""Serve one file over HTTPS, whatever is asked for; runs on a publisher's host, by the system's Python.

Told as its argument, in JSON: `folder`, with `chain.pem`, `key.pem` and the file, `directory.der`; `port`. Tells
systemd when it listens (sd_notify(3)).
"""

import http.server
import json
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

SECONDS = 20


def _handler(file: Path) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_GET(self) -> None:
            content = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4, mapped


def _say_ready() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def main() -> None:
    """Serve until the end."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    folder = Path(told["folder"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    server = _Server(("::", told["port"]), _handler(folder / "directory.der"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    _say_ready()
    server.serve_forever()


if __name__ == "__main__":
    main()
