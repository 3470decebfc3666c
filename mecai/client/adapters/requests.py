"""requests: `session.mount("https://", VoucherAdapter())`. A refusal is a `requests.exceptions.SSLError`."""

from contextlib import nullcontext
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import SSLError
from requests.utils import select_proxy

from mecai.client.context import VoucherContext
from mecai.client.gate import peer


class VoucherAdapter(HTTPAdapter):
    """What connects to servers whom somebody has vouched for; through a proxy it takes none (V9)."""

    def __init__(self, context: VoucherContext | None = None, **more: Any) -> None:  # noqa: ANN401 - requests' own
        """Demand what `context` does, or /etc/mecai/client.toml; raises as `VoucherContext.from_config`."""
        self._context = context or VoucherContext.from_config()
        super().__init__(**more)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - requests' own
        """As `HTTPAdapter.init_poolmanager`."""
        super().init_poolmanager(*arguments, **more, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401 - requests' own
        """As `HTTPAdapter.proxy_manager_for`; without this, what goes through a proxy would be judged by nobody."""
        return super().proxy_manager_for(proxy, **more, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - requests' own
        """As `HTTPAdapter.cert_verify`, but for roots: those of the directory count, no bundle's beside them."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # requests' own
        conn.ca_certs = conn.ca_cert_dir = None

    def send(self, request: PreparedRequest, **more: Any) -> Response:  # type: ignore[override]  # noqa: ANN401 - by name
        """As `HTTPAdapter.send`; where a proxy connects, nobody knows to whom (docs/spec, V9).

        Raises `SSLError` for `verify=False`: whoever demands vouchers validates the certificate, too.
        """
        if not more.get("verify", True):
            raise SSLError("verify=False: this adapter validates every certificate; leave it out", request=request)
        with peer(None) if select_proxy(request.url or "", more.get("proxies")) else nullcontext():
            return super().send(request, **more)
