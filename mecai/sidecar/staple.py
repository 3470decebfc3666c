"""The OCSP staple of a site: asked of the responder that its certificate names, judged by the round like a voucher."""

from collections.abc import Callable
from datetime import datetime

from mecai.evidence import AddressPolicy, Fetch, Fetcher, by_ocsp
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.site import Site

Staple = Callable[[Site, datetime], bytes]


def responder_of(config: SidecarConfig) -> Staple:
    """Return what fetches staples within the limits of `config`."""
    return asked_through(Fetcher(AddressPolicy(config.allowed_networks)))


def asked_through(fetch: Fetch) -> Staple:
    """Return what fetches the DER OCSPResponse of a site; it raises `VerificationError` or `FetchError`."""

    def staple(site: Site, now: datetime) -> bytes:
        return by_ocsp(site.path[0], site.path[1], now, fetch).response or b""

    return staple
