"""`python -m tests.integration.faults.registry DESCRIPTOR IDENTITY`: a registry's RDAP server (RFC 9082) over HTTPS.

Of every domain the owner is reached at `owner@DOMAIN`. `IDENTITY` is a file with its key and its chain.
"""

import http.server
import json
import socket
import ssl
import sys


class Registry(http.server.BaseHTTPRequestHandler):
    """Answers `GET /domain/NAME`."""

    def do_GET(self) -> None:
        """Say who owns it."""
        domain = self.path.rpartition("/")[2]
        card = ["vcard", [["version", {}, "text", "4.0"], ["email", {}, "text", f"owner@{domain}"]]]
        body = json.dumps({"entities": [{"roles": ["registrant"], "vcardArray": card}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/rdap+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(descriptor: str, identity: str) -> None:
    """Serve for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    with http.server.ThreadingHTTPServer(("", 0), Registry, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = context.wrap_socket(socket.socket(fileno=int(descriptor)), server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
