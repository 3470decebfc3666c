"""How the agent is started: gunicorn, which itself demands a certificate of the VA's private CA from whoever asks."""

import ipaddress
import ssl
import sys
from typing import Final

from mecai.net.kept import IDLE_SECONDS
from mecai.perspective.config import PerspectiveConfig

VARIABLE: Final = "MECAI_PERSPECTIVE_CONFIG"
APPLICATION: Final = "mecai.perspective.app:create_app()"
WORKER: Final = "mecai.perspective.worker.Worker"
SECONDS: Final = 8  # that gunicorn waits for a worker to end
KEPT_SECONDS: Final = round(1.5 * IDLE_SECONDS)  # that a connection waits for its next question: the VAS ends it first


def command(config: PerspectiveConfig, bind: str | None = None) -> list[str]:
    """Return the program that serves a configuration, with its arguments; `bind` is gunicorn's, instead of the port."""
    tls = {
        "--keyfile": config.key,
        "--certfile": config.certificate,
        "--ca-certs": config.roots,
        "--cert-reqs": ssl.CERT_REQUIRED.value,
    }
    server = {
        "--worker-class": WORKER,
        "--threads": config.parallel,
        "--graceful-timeout": SECONDS,
        "--keep-alive": KEPT_SECONDS,
        "--bind": bind or f"{_host(config.address)}:{config.port}",
    }
    options = [str(word) for option in (tls | server).items() for word in option]
    return [sys.executable, "-m", "gunicorn", "--no-control-socket", *options, APPLICATION]


def _host(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version > 4 else address  # noqa: PLR2004 - of IP
