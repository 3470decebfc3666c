"""URLs of web and mail servers, read once: what is sent is the text itself, for a new one may be another."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from mecai.errors import InputError
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.protocol.pki.names import host_name_of

PORTS: Final = {"http": 80, "https": 443}
# Of connections that begin in the clear, and go on over TLS by STARTTLS.
STARTTLS_PORTS: Final = {"imap": 143, "pop3": 110, "smtp": 25}
_DEFAULTS: Final = {**PORTS, **STARTTLS_PORTS}


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` is a name in A-labels or an address without brackets, `path` has the query with it."""

    host: str
    port: int
    path: str = "/"
    scheme: str = "https"

    @property
    def authority(self) -> str:
        """Host and port as a URL, or the Host field of a request, has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole as a URL."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def below(self, path: str) -> "Target":
        """Return what lies at `path` (without leading slash) below this URL."""
        return replace(self, path=f"{self.path.rstrip('/')}/{path}")


def read_url(text: str, scheme: str) -> Target:
    """Read a URL of one scheme, as a person or a certificate gives it. Raises `InputError`.

    The fragment is left out. Credentials are refused, and so are port 0 and an address with a zone.
    """
    try:
        parts = urlsplit(text)
        port = _DEFAULTS[scheme] if parts.port is None else parts.port
    except ValueError as error:
        raise InputError(f"{text!r} is no URL ({error})") from error
    if parts.scheme != scheme or not parts.hostname or parts.username is not None or not port:
        raise InputError(f"{text!r} is no {scheme} URL of a host; expected {scheme}://HOST[:PORT][/PATH]")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not text.isprintable() or " " in text or not path.isascii():
        raise InputError(f"{text!r} has characters that a URL must write as %XX")
    return Target(_host(parts.hostname), port, path, scheme)


def _host(text: str) -> str:
    try:
        octets = address_octets(text)
    except InputError:
        return host_name_of(text)
    return address_text(octets)
