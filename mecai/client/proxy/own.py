"""What the proxy answers whoever asks for itself, at http://127.0.0.1:PORT, and whoever asks for a page in the clear.

Each site that the browser visits can ask for these addresses, too: by its own name, led here by its own DNS answer
(DNS rebinding), which `Host` tells; or as another site, which `Origin` and `Sec-Fetch-Site` tell (W3C, Fetch Metadata).
Neither is told anything.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.client.proxy.authority import LocalAuthority
from mecai.client.proxy.head import Declined, Head, answer
from mecai.client.proxy.journal import Journal
from mecai.errors import InputError
from mecai.net.url import PORTS, read_url
from mecai.service.printable import one_line

# clients/webextension: the id follows from the key in its manifest.
EXTENSION: Final = "chrome-extension://fbepombconknlpenggjoilkcomhdmpmb"
_READERS: Final = ("none", "same-origin")  # Sec-Fetch-Site of a person's own navigation, and of the page that it shows


@dataclass(frozen=True)
class OwnPages:
    """The pages of a proxy at a port; `mode` is that of its client."""

    port: int
    mode: str
    authority: LocalAuthority
    journal: Journal

    @property
    def place(self) -> str:
        """Host and port by which the proxy is asked for itself, and no other."""
        return f"127.0.0.1:{self.port}"

    def answer(self, head: Head) -> bytes:
        """Answer a request that is no CONNECT; raises `Declined`."""
        if head.target.startswith("/"):
            if head.fields.get_all("Host") != [self.place]:
                raise Declined(HTTPStatus.MISDIRECTED_REQUEST, f"this is http://{self.place}, and no other site")
            return self._page(head, head.target)
        prefix = f"http://{self.place}/"
        if head.target.startswith(prefix):
            return self._page(head, head.target.removeprefix(prefix[:-1]))
        return _over_tls(head)

    def _page(self, head: Head, path: str) -> bytes:
        fields = self._allowed(head)
        if head.method != "GET":
            raise Declined(HTTPStatus.METHOD_NOT_ALLOWED, "these pages are read, by GET")
        if path == "/verdicts":
            verdicts = {"mode": self.mode, "verdicts": self.journal.verdicts()}
            return answer(HTTPStatus.OK, "application/json", json.dumps(verdicts, indent=1).encode(), fields)
        if path == "/ca.pem":
            pem = self.authority.certificate.public_bytes(Encoding.PEM)
            return answer(HTTPStatus.OK, "application/x-x509-ca-cert", pem, fields)
        if path == "/proxy.pac":
            return answer(HTTPStatus.OK, "application/x-ns-proxy-autoconfig", self._script().encode(), fields)
        raise Declined(HTTPStatus.NOT_FOUND, "there are /verdicts, /ca.pem and /proxy.pac")

    def _allowed(self, head: Head) -> Mapping[str, str]:
        """Return the fields that let the extension read an answer; raises `Declined` for who must not."""
        origins: list[Any] = head.fields.get_all("Origin", [])
        if origins == [EXTENSION]:
            return {"Access-Control-Allow-Origin": EXTENSION, "Vary": "Origin"}
        sites = head.fields.get_all("Sec-Fetch-Site", [_READERS[0]])
        if origins not in ([], [f"http://{self.place}"]) or not set(sites) <= set(_READERS):
            raise Declined(HTTPStatus.FORBIDDEN, "what this proxy has seen is no other site's matter")
        return {}

    def _script(self) -> str:
        """Write the proxy auto-configuration: the authority's domains go through the proxy, other names do not."""
        domains = "".join(
            f'  if (host === "{name}" || host.endsWith(".{name}")) return proxy;\n' for name in self.authority.domains
        )
        rest = domains + '  return "DIRECT";' if domains else "  return proxy;"
        return f'function FindProxyForURL(url, host) {{\n  const proxy = "PROXY {self.place}";\n{rest}\n}}\n'


def _over_tls(head: Head) -> bytes:
    """Lead who asks for a page in the clear to the same page over TLS; raises `Declined` where that is no answer.

    Nothing goes to a site in the clear through this proxy: nobody could vouch for what comes back.
    """
    try:
        target = read_url(head.target, "http")
    except InputError as error:
        raise Declined(HTTPStatus.BAD_REQUEST, one_line(str(error))) from error
    if head.method not in ("GET", "HEAD") or target.port != PORTS["http"]:
        raise Declined(HTTPStatus.FORBIDDEN, "nothing goes out in the clear; ask for it by https")
    fields = {"Location": f"https://{target.authority}{target.path}"}
    return answer(HTTPStatus.TEMPORARY_REDIRECT, "text/plain", b"", fields)
