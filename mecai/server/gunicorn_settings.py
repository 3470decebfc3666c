"""gunicorn's settings for a server that staples: certificates are named as ever, and each is stapled for.

    gunicorn --config python:mecai.server.gunicorn_settings --certfile www.pem --keyfile www.key 'site:app'

The staple directory is MECAI_STAPLES, or /var/lib/mecai-sidecar/staples. With settings of one's own:

    from mecai.server.gunicorn_settings import ssl_context

For the workers sync, gthread and those on asyncio; gevent's replaces `ssl`, which is not tried.
"""

import functools
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mecai.server.context import StaplingContext
from mecai.server.staples import DEFAULT

if TYPE_CHECKING:
    from gunicorn.config import Config


def ssl_context(config: "Config", _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return the context for gunicorn's settings; gunicorn asks for each connection, so a worker makes it once."""
    return _make(config.certfile, config.keyfile, config.ca_certs, int(config.cert_reqs), config.ciphers)


@functools.cache
def _make(chain: str, key: str | None, roots: str | None, demand: int, ciphers: str | None) -> StaplingContext:
    context = StaplingContext(Path(os.environ.get("MECAI_STAPLES", DEFAULT)))
    context.load_cert_chain(chain, key)
    context.verify_mode = ssl.VerifyMode(demand)
    if roots:
        context.load_verify_locations(roots)
    if ciphers:
        context.set_ciphers(ciphers)
    return context
