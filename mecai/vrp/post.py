"""One POST to a Voucher Authority Server (docs/spec, R1): HTTPS with the roots that the directory pins for it.

No redirect is followed, no proxy is used; size and time are bounded.
"""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from mecai.errors import InputError
from mecai.net.exchange import Answer
from mecai.net.over_tls import over_tls
from mecai.net.url import read_url
from mecai.net.web import trusting
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.service.printable import words
from mecai.vrp.answers import RequestRefused

CONNECT_SECONDS: Final = 10.0

_trusting = lru_cache(64)(trusting)  # whoever asks a server often makes one context for it


def post(server: Server, path: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Answer:
    """Return what a server answers at `path` below its URL; raises `RequestRefused` where it does not answer."""
    try:
        target = read_url(server.url, "https").below(path)
        context, limit = _trusting(server.roots), LIMITS.voucher_size
        return over_tls(target, context, deadline, limit, body=body, headers=headers, connect_seconds=CONNECT_SECONDS)
    except ssl.SSLCertVerificationError as error:
        said = f"its certificate is not one that the directory pins ({error.verify_message})"
        raise RequestRefused(f"{server.url}: {said}") from error
    except (OSError, InputError) as error:
        raise RequestRefused(f"{server.url}: {words(error)}") from error
