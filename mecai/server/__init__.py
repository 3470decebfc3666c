"""A TLS server's context in Python that staples vouchers and OCSP responses: for small services.

    from mecai.server import StaplingContext

    context = StaplingContext()                                  # staples of /var/lib/mecai-sidecar/staples
    context.load_cert_chain("/etc/tls/www.pem", "/etc/tls/www.key")

It is an `ssl.SSLContext` for whatever takes one: http.server, asyncio, uvicorn; for gunicorn there is
`mecai.server.gunicorn_settings`. docs/python-server.md has each of them.

What it staples is what `mecai.sidecar` writes, by the rules of the nginx module: `items` says what may be served,
`folder` reads one certificate's files, `staples` keeps all in memory and has them read anew, `choose` picks (docs/spec
T6), `connection` and `context` join that with OpenSSL (`mecai.tls`).
"""

from mecai.server.context import StaplingContext
from mecai.server.staples import StapleDirectory

__all__ = ["StapleDirectory", "StaplingContext"]
