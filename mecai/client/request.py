"""What `mecai client` asks, and whom; where an answer leads on to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin

from mecai.errors import InputError
from mecai.net.url import Target, read_url

REDIRECTS: Final = 10  # that are followed, one after the other
_GET: Final = "GET"
_KEPT: Final = (307, 308)  # RFC 9110 section 15.4: asked again as it was
_SEE_OTHER: Final = 303  # asked for by GET
_REWRITTEN: Final = (301, 302, _SEE_OTHER)  # so are these, after a POST
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_OWN: Final = ("connection", "content-length", "host", "transfer-encoding")  # what frames a message is no choice
_OF_A_BODY: Final = ("content-encoding", "content-language", "content-location", "content-type")
_PERSONAL: Final = ("authorization", "cookie", "proxy-authorization")  # for the server that they were meant for


class Destination(Target):
    """Where a person's words lead; `host` is a name in A-labels or an address."""

    @classmethod
    def of_url(cls, text: str, scheme: str = "https") -> "Destination":
        """Read a URL of one scheme; raises `InputError`."""
        target = read_url(text, scheme)
        return cls(target.host, target.port, target.path, scheme)

    @classmethod
    def of_host(cls, text: str, scheme: str = "https") -> "Destination":
        """Read `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`, to be reached as the scheme says; raises `InputError`."""
        if "/" in text:
            raise InputError(f"{text!r} is no host; expected HOST[:PORT], such as www.example.test")
        bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
        destination = cls.of_url(f"{scheme}://{bare}", scheme)
        if destination.path != "/":
            raise InputError(f"{text!r} is no host; expected HOST[:PORT]")
        return destination


@dataclass(frozen=True)
class Request:
    """A method, fields and a body; `headers` are by their names as they were given."""

    method: str = _GET
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.method):
            raise InputError(f"method {self.method!r} is no token; expected for example GET or PUT")

    def led_on(self, here: Destination, status: int, location: str | None) -> "tuple[Request, Destination] | None":
        """Return what a redirect asks for and where, None if an answer is none; raises `InputError` if not by https."""
        if location is None or status not in (*_KEPT, *_REWRITTEN):
            return None
        try:
            there = Destination.of_url(urljoin(here.url, location))
        except ValueError as error:  # of urljoin
            raise InputError(f"{location!r} is no URL ({error})") from error
        left_out = () if there.authority == here.authority else _PERSONAL
        if self._stays(status):
            return replace(self, headers=_without(self.headers, left_out)), there
        return Request(_GET, _without(self.headers, (*left_out, *_OF_A_BODY))), there

    def _stays(self, status: int) -> bool:
        """Tell whether the same is asked where a redirect leads (RFC 9110 section 15.4)."""
        return status in _KEPT or self.method in {_GET, "HEAD"} or (status != _SEE_OTHER and self.method != "POST")


PLAIN: Final = Request()


def read_header(text: str) -> tuple[str, str]:
    """Read `Name: value`; raises `InputError`."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name) or not value.isprintable() or not value.isascii():
        raise InputError(f"header {text!r} is none; expected NAME: VALUE in printable ASCII")
    if name.lower() in _OWN:
        raise InputError(f"header {name} is the program's own; leave it out")
    return name, value


def _without(headers: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}
