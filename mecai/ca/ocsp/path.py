"""An OCSP request in the path of a URL (RFC 6960 appendix A.1): base64 of its DER, URL-encoded.

Clients and proxies write it in several ways, and none of them can mean anything else. So these are read alike: base64
and base64url, with padding or without, slashes before it (of an OCSP URL that ends in one), and a space for the plus
sign that somebody took for one on the way. What has any other character in it is no request but another path.
"""

import base64
import re
from typing import Final

_REQUEST: Final = re.compile(r"[A-Za-z0-9+/_ =-]+")
_ONE_ALPHABET: Final = str.maketrans("-_ ", "+/+")


def request_in(path: str) -> bytes | None:
    """Return the octets that a decoded path stands for, none where they are no base64; None for another path."""
    if _REQUEST.fullmatch(path) is None:
        return None
    text = path.lstrip("/").rstrip("=").translate(_ONE_ALPHABET)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""
