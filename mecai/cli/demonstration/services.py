"""The applications that gunicorn runs in the demonstration, each the product's own.

What differs from a deployment is the network alone: OCSP is asked at ports that a user may open, and where a VAS looks
at port 443 of 127.0.0.1 it finds the demonstration's site. Any other address or port is unreachable for it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from mecai.ca.config import ResponderConfig
from mecai.ca.ocsp.app import make_app as make_responder
from mecai.cli.arguments import now
from mecai.cli.demonstration.scene import ADDRESS, PORT
from mecai.net.addresses import AddressPolicy
from mecai.net.dial import Unreachable
from mecai.net.fetch import EVERY_PORT, Fetcher
from mecai.net.resolve import from_system
from mecai.probing.handshake import probe
from mecai.probing.offer import Offer
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.service.deadline import Deadline
from mecai.service.settings import read_settings
from mecai.service.web import start
from mecai.vas.assembly import Assembly, assemble
from mecai.vas.config import read_config
from mecai.vas.http.app import make_app as make_vas
from mecai.vas.storage.database import migrate

FOLDER: Final = "MECAI_DEMO_FOLDER"
SITE_PORT: Final = "MECAI_DEMO_SITE_PORT"
PAGE: Final = b"This is the real one.\n"


def vas() -> Flask:
    """Make a notary's VAS of the folder."""
    return start("the demonstration's VAS", FOLDER, Path(), lambda folder: make_vas(_assembled(folder / "vas.toml")))


def responders() -> DispatcherMiddleware:
    """Make the responders of all authorities below the folder, each at its own path."""

    def make(home: Path) -> DispatcherMiddleware:
        settings = {f"/{file.parent.name}": read_settings(file, ResponderConfig) for file in home.glob("*/ocsp.toml")}
        return DispatcherMiddleware(NotFound(), {path: make_responder(each) for path, each in settings.items()})

    return start("the demonstration's responders", FOLDER, Path(), make)


def page(_environment: dict[str, Any], begin: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's
    """Answer as the site."""
    begin("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]


@dataclass(frozen=True)
class Translated:
    """A probe in the demonstration's network: port 443 of 127.0.0.1 is at port `site`, and nothing else is there."""

    site: int

    def __call__(
        self, address: bytes, port: int, server_name: str | None, offer: Offer, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """As `mecai.probing.handshake.probe`."""
        if (address, port) != (address_octets(ADDRESS), PORT):
            raise Unreachable(f"{address_text(address)} port {port}: is not in the demonstration's network")
        return probe(address, self.site, server_name, offer, deadline)


def _assembled(settings: Path) -> Assembly:
    config = read_config(settings)
    fetch = Fetcher(AddressPolicy(config.allowed_networks), from_system, ports=EVERY_PORT)
    parts = assemble(config, now, probe=Translated(int(os.environ[SITE_PORT])), fetch=fetch)
    migrate(parts.engine)
    return parts
